// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scarce_memory.h"

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace {
std::atomic<std::size_t> most_bytes{std::numeric_limits<std::size_t>::max()};
}  // namespace

// All forms but the aligned ones: a sanitizer brings its own of those that are missing here, and they must not mix.
void* operator new(std::size_t bytes) {
  void* got = bytes > most_bytes ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  if (got == nullptr) throw std::bad_alloc();
  return got;
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t& /*unused*/) noexcept {
  return bytes > most_bytes ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t& unused) noexcept { return operator new(bytes, unused); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t& /*unused*/) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t& /*unused*/) noexcept { std::free(memory); }

namespace consilium {
ScarceMemory::ScarceMemory(std::size_t bytes) { most_bytes = bytes; }
ScarceMemory::~ScarceMemory() { most_bytes = std::numeric_limits<std::size_t>::max(); }
}  // namespace consilium
