// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/voxel_buffer.h"

#include <sys/mman.h>

namespace consilium {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::align_val_t kAlignment{kHugePage};

bool IsLarge(std::size_t bytes) { return bytes >= 4 * kHugePage; }

}  // namespace

void* AllocateVoxels(std::size_t bytes) {
  if (!IsLarge(bytes)) return ::operator new(bytes);
  void* const memory = ::operator new(bytes, kAlignment);
  ::madvise(memory, bytes, MADV_HUGEPAGE);  // a wish, no more
  return memory;
}

void FreeVoxels(void* memory, std::size_t bytes) noexcept {
  if (IsLarge(bytes)) {
    ::operator delete(memory, kAlignment);
  } else {
    ::operator delete(memory);
  }
}

}  // namespace consilium
