// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// libconsilium_learning_gpu.so: see learning/gpu_module.h.
#include "learning/gpu_module.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#if __has_include(<nccl.h>)
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <array>
#include <vector>

namespace consilium {
namespace {

namespace pool = c10::cuda::CUDACachingAllocator;

constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);

c10::DeviceIndex Index(int index) { return static_cast<c10::DeviceIndex>(index); }

// A 3-D convolution's value and gradients on a fixed input, in `type`, as float32.
std::vector<at::Tensor> Convolution(const at::Tensor& x, const at::Tensor& weight, at::ScalarType type) {
  const at::Tensor input = x.detach().clone().requires_grad_(), kernel = weight.detach().clone().requires_grad_();
  const at::Tensor y = at::conv3d(input.to(type), kernel.to(type), {}, at::IntArrayRef{1, 1, 1}, {1, 1, 1});
  y.to(at::kFloat).square().mean().backward();
  return {y.to(at::kFloat).detach(), input.grad(), kernel.grad()};
}

class CudaGpuModule final : public GpuModule {
 public:
  int InterfaceVersion() const override { return kGpuModuleVersion; }
  std::string DeviceName(int index) const override { return at::cuda::getDeviceProperties(Index(index))->name; }

  std::string CudnnVersion() const override {
    const auto version = at::detail::getCUDAHooks().versionCuDNN();  // 91900 is 9.19.0
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
  }

  std::int64_t FreeBytes(int index) const override {
    const c10::cuda::CUDAGuard guard(Index(index));
    std::size_t free_bytes = 0, total_bytes = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
    const auto stats = pool::getDeviceStats(Index(index));
    return static_cast<std::int64_t>(free_bytes) + stats.reserved_bytes[kAll].current -
           stats.allocated_bytes[kAll].current;
  }

  std::int64_t PeakBytes(int index) const override {
    return pool::getDeviceStats(Index(index)).allocated_bytes[kAll].peak;
  }
  void ResetPeak(int index) override { pool::resetPeakStats(Index(index)); }
  void EmptyCache() override { pool::emptyCache(); }

  bool HasBfloat16(int index) const override { return at::cuda::getDeviceProperties(Index(index))->major >= 8; }

  double Bfloat16ConvolutionError(int index) override {
    const at::TensorOptions options = at::TensorOptions(at::Device(at::kCUDA, Index(index))).dtype(at::kFloat);
    // Fixed numbers of size 1 that bfloat16 holds exactly, so that only the convolution can differ.
    const auto numbers = [&](std::vector<std::int64_t> shape, std::int64_t factor) {
      const std::int64_t count = c10::multiply_integers(shape);
      return ((at::arange(count, options.dtype(at::kLong)) * factor % 31).to(at::kFloat) / 16 - 0.9375).view(shape);
    };
    const at::Tensor x = numbers({2, 32, 64, 64, 64}, 7919), weight = numbers({32, 32, 3, 3, 3}, 104729);
    const auto exact = Convolution(x, weight, at::kFloat), rounded = Convolution(x, weight, at::kBFloat16);
    double largest = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const at::Tensor error = (exact[i] - rounded[i]).abs().max() / exact[i].abs().max();
      largest = std::max(largest, error.item<double>());
    }
    return largest;
  }

  void EnterStream(int index) override {
    before_.push_back(c10::cuda::getCurrentCUDAStream(Index(index)));
    c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, Index(index)));
  }
  void LeaveStream(int index) override {
    c10::cuda::getCurrentCUDAStream(Index(index)).synchronize();
    c10::cuda::setCurrentCUDAStream(before_.back());
    before_.pop_back();
  }

  c10d::Backend* NewNccl(c10d::Store& store, int rank, int size, std::chrono::milliseconds patience) override {
#ifdef USE_C10D_NCCL
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = patience;
    const auto shared = c10::intrusive_ptr<c10d::Store>::unsafe_reclaim_from_nonowning(&store);
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(shared, rank, size, options).release();
#else
    static_cast<void>(store), static_cast<void>(rank), static_cast<void>(size), static_cast<void>(patience);
    return nullptr;
#endif
  }

 private:
  static thread_local std::vector<c10::cuda::CUDAStream> before_;
};

thread_local std::vector<c10::cuda::CUDAStream> CudaGpuModule::before_;

}  // namespace
}  // namespace consilium

extern "C" __attribute__((visibility("default"))) consilium::GpuModule* ConsiliumLearningGpu() {
  static consilium::CudaGpuModule module;
  return &module;
}
