// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>

// Stands before every function of a kernel's body. Nothing for the host's compiler; cuda/device_context.cuh, included
// before it by every x_cuda.cu, makes it __device__.
#ifndef CONSILIUM_KERNEL
#define CONSILIUM_KERNEL
#endif

namespace consilium {

// A position in, or the size of, a grid or a block of threads.
struct Index3 {
  std::uint32_t x = 1, y = 1, z = 1;
  friend bool operator==(const Index3&, const Index3&) = default;
};

inline constexpr std::uint32_t kWarpSize = 32;

// What a kernel's body may ask of the machine it runs on. A body is a template
//   struct XKernel { template <KernelContext Context> CONSILIUM_KERNEL static void Run(Context& context, ...); };
// in x_kernel.cuh, compiled from one source three times: by nvcc with DeviceContext (cuda/device_context.cuh), and by
// the host's compiler with HostContext on fibers or on threads (tests/support/host_context.h), so that it is tested on
// machines without a GPU. A body uses no other intrinsic, no inline PTX and nothing of std:: but types.
//
//   ThreadIndex(), BlockIndex()  this thread in its block, this block in the grid
//   BlockSize(), GridSize()      threads in a block, blocks in the grid
//   SyncThreads()                every thread of the block arrives before any goes on; all of them must call it
//   Shared<T>()                  the block's shared memory, sized by the launch, uninitialised
//   WarpSum(v)                   the sum over the 32 threads of a warp, for each of them; all of them must call it
//   AtomicAdd(p, v)              *p += v, whole
//   Fma(a, b, c)                 a * b + c rounded once
//   RoundToInt(v)                nearest integer, ties to even; |v| < 2^62
template <class C>
concept KernelContext = requires(C& c, float f, double d, std::uint64_t u, std::uint64_t* p) {
  { c.ThreadIndex() } -> std::same_as<Index3>;
  { c.BlockIndex() } -> std::same_as<Index3>;
  { c.BlockSize() } -> std::same_as<Index3>;
  { c.GridSize() } -> std::same_as<Index3>;
  { c.SyncThreads() } -> std::same_as<void>;
  { c.template Shared<std::uint64_t>() } -> std::same_as<std::uint64_t*>;
  { c.WarpSum(u) } -> std::same_as<std::uint64_t>;
  { c.AtomicAdd(p, u) } -> std::same_as<void>;
  { c.Fma(f, f, f) } -> std::same_as<float>;
  { c.Fma(d, d, d) } -> std::same_as<double>;
  { c.RoundToInt(d) } -> std::same_as<std::int64_t>;
};

// This thread's number within its block, x fastest: warps are runs of 32 of these.
template <KernelContext C>
CONSILIUM_KERNEL inline std::uint32_t ThreadInBlock(C& c) {
  const Index3 t = c.ThreadIndex();
  const Index3 n = c.BlockSize();
  return t.x + n.x * (t.y + n.y * t.z);
}

// A range that all threads of the grid share along one axis: for (i = first; i < count; i += step).
struct Strided {
  std::int64_t first, step;
};

CONSILIUM_KERNEL inline Strided Along(std::uint32_t thread, std::uint32_t block, std::uint32_t block_size,
                                      std::uint32_t grid_size) {
  return {std::int64_t{block} * block_size + thread, std::int64_t{grid_size} * block_size};
}

}  // namespace consilium
