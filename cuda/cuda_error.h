// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace consilium {

// A CUDA call that failed. Lives inside libconsilium_cuda.so only; its wall turns it into a ConsiliumStatus.
class CudaError : public std::runtime_error {
 public:
  CudaError(cudaError_t code, const char* call)
      : std::runtime_error(std::string(cudaGetErrorString(code)) + " (" + cudaGetErrorName(code) + " in " + call + ")"),
        code_(code) {}
  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

// Every CUDA call goes through here: CudaCheck(cudaSetDevice(gpu), "cudaSetDevice").
inline void CudaCheck(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // so that the next call does not report this one again
  throw CudaError(code, call);
}

}  // namespace consilium
