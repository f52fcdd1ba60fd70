// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace consilium {

// Memory for `bytes`, to be given back by FreeVoxels with the same number. Large blocks lie in huge pages where the
// system has them: to touch hundreds of megabytes page by page takes longer than to read them from a file.
void* AllocateVoxels(std::size_t bytes);  // throws std::bad_alloc
void FreeVoxels(void* memory, std::size_t bytes) noexcept;

// What VoxelBuffer asks for memory.
template <class T>
struct VoxelAllocator {
  using value_type = T;
  VoxelAllocator() = default;
  template <class U>
  explicit VoxelAllocator(const VoxelAllocator<U>&) {}

  T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(AllocateVoxels(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) noexcept { FreeVoxels(memory, count * sizeof(T)); }

  template <class U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;  // not U(): its value stays open
  }
  template <class U, class... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }
  friend bool operator==(const VoxelAllocator&, const VoxelAllocator&) { return true; }
};

// A vector of voxels. resize(n) leaves new voxels unset, for whoever writes all of them; resize(n, 0) and assign(n, 0)
// set them.
template <class T>
using VoxelBuffer = std::vector<T, VoxelAllocator<T>>;

}  // namespace consilium
