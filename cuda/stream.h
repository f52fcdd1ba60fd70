// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "cuda/cuda_error.h"

namespace consilium {

// Makes one GPU current for this thread and puts the former one back (LibTorch keeps its own choice there).
class CurrentGpu {
 public:
  explicit CurrentGpu(int gpu) {
    CudaCheck(cudaGetDevice(&former_), "cudaGetDevice");
    CudaCheck(cudaSetDevice(gpu), "cudaSetDevice");
  }
  ~CurrentGpu() { static_cast<void>(cudaSetDevice(former_)); }
  CurrentGpu(const CurrentGpu&) = delete;
  CurrentGpu& operator=(const CurrentGpu&) = delete;

 private:
  int former_ = 0;
};

// A stream to pass around; never the legacy default stream, because only Stream makes one.
class StreamView {
 public:
  cudaStream_t get() const { return stream_; }
  void Wait() const { CudaCheck(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

 private:
  friend class Stream;
  explicit StreamView(cudaStream_t stream) : stream_(stream) {}
  cudaStream_t stream_;
};

// Owns a stream of the current GPU that does not wait for the legacy default stream. One thread at a time.
class Stream {
 public:
  Stream() { CudaCheck(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
  ~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  StreamView view() const { return StreamView(stream_); }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace consilium
