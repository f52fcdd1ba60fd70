// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef CONSILIUM_KERNEL
#error "include cuda/device_context.cuh before any x_kernel.cuh"
#endif
#define CONSILIUM_KERNEL __device__
#include "cuda/kernel_context.h"

namespace consilium {

// KernelContext on a GPU. Each function is one instruction or special register.
class DeviceContext {
 public:
  __device__ Index3 ThreadIndex() const { return {threadIdx.x, threadIdx.y, threadIdx.z}; }
  __device__ Index3 BlockIndex() const { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
  __device__ Index3 BlockSize() const { return {blockDim.x, blockDim.y, blockDim.z}; }
  __device__ Index3 GridSize() const { return {gridDim.x, gridDim.y, gridDim.z}; }

  __device__ void SyncThreads() const { __syncthreads(); }

  template <class T>
  __device__ T* Shared() const {
    extern __shared__ __align__(16) unsigned char consilium_shared_memory[];
    return reinterpret_cast<T*>(consilium_shared_memory);
  }

  __device__ std::uint64_t WarpSum(std::uint64_t value) const {
    for (unsigned distance = kWarpSize / 2; distance > 0; distance /= 2) {
      value += __shfl_xor_sync(0xFFFFFFFFU, static_cast<unsigned long long>(value), static_cast<int>(distance));
    }
    return value;
  }

  __device__ void AtomicAdd(std::uint64_t* place, std::uint64_t value) const {
    static_assert(sizeof(unsigned long long) == sizeof(std::uint64_t));
    atomicAdd(reinterpret_cast<unsigned long long*>(place), static_cast<unsigned long long>(value));
  }

  __device__ float Fma(float a, float b, float c) const { return __fmaf_rn(a, b, c); }
  __device__ double Fma(double a, double b, double c) const { return __fma_rn(a, b, c); }
  __device__ std::int64_t RoundToInt(double value) const { return __double2ll_rn(value); }
};

static_assert(KernelContext<DeviceContext>);

// The one __global__ wrapper: Kernel::Run on the device. The arguments are copied to the GPU as they are.
template <class Kernel, class... Arguments>
__global__ void RunKernel(Arguments... arguments) {
  DeviceContext context;
  Kernel::Run(context, arguments...);
}

}  // namespace consilium
