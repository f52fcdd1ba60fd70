// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <type_traits>

#include "cuda/cuda_error.h"
#include "cuda/stream.h"

namespace consilium {

// Owns `count` values of GPU memory, taken and given back in the order of one stream, which must outlive it.
// Uninitialised until copied to. Throws CudaError, cudaErrorMemoryAllocation when the GPU is full.
template <class T>
requires std::is_trivially_copyable_v<T>
class DeviceBuffer {
 public:
  DeviceBuffer(std::size_t count, StreamView stream) : count_(count), stream_(stream) {
    void* memory = nullptr;
    CudaCheck(cudaMallocAsync(&memory, count * sizeof(T), stream.get()), "cudaMallocAsync");
    data_ = static_cast<T*>(memory);
  }
  ~DeviceBuffer() { static_cast<void>(cudaFreeAsync(data_, stream_.get())); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() const { return data_; }

  // All of it, from and to host memory, in stream order. The host memory must live until the stream was waited for.
  void CopyFrom(const T* host) {
    CudaCheck(cudaMemcpyAsync(data_, host, count_ * sizeof(T), cudaMemcpyHostToDevice, stream_.get()),
              "cudaMemcpyAsync to the GPU");
  }
  void CopyTo(T* host) const {
    CudaCheck(cudaMemcpyAsync(host, data_, count_ * sizeof(T), cudaMemcpyDeviceToHost, stream_.get()),
              "cudaMemcpyAsync from the GPU");
  }
  void Zero() { CudaCheck(cudaMemsetAsync(data_, 0, count_ * sizeof(T), stream_.get()), "cudaMemsetAsync"); }

 private:
  std::size_t count_;
  StreamView stream_;
  T* data_ = nullptr;
};

}  // namespace consilium
