// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace consilium {

// While one lives, `new` of more than `bytes` throws std::bad_alloc, in every thread. Link scarce_memory.cc, which
// replaces operator new for the whole test program.
class ScarceMemory {
 public:
  explicit ScarceMemory(std::size_t bytes);
  ~ScarceMemory();
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;
};

}  // namespace consilium
