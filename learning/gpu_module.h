// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace consilium {

// What needs CUDA's own types lies in the shared module libconsilium_learning_gpu.so, built where a CUDA toolkit is and
// opened at start where a driver is (runtime.h). This interface is all that the rest of learning/ sees of it.
class GpuModule {
 public:
  virtual ~GpuModule() = default;

  virtual int InterfaceVersion() const = 0;
  virtual std::string DeviceName(int index) const = 0;
  virtual std::string CudnnVersion() const = 0;

  // Memory that a new step could take: free on the device and idle in Torch's own pool.
  virtual std::int64_t FreeBytes(int index) const = 0;
  virtual std::int64_t PeakBytes(int index) const = 0;  // of Torch's pool since ResetPeak
  virtual void ResetPeak(int index) = 0;
  virtual void EmptyCache() = 0;  // gives idle memory of Torch's pool back to the driver

  // True if this GPU multiplies bfloat16 (compute capability 8.0 or newer).
  virtual bool HasBfloat16(int index) const = 0;

  // Largest difference of a 3-D convolution and its gradients in bfloat16 from float32, relative to the largest value:
  // some cuDNN versions (9.8 to 9.14) are silently wrong (pytorch#163539).
  virtual double Bfloat16ConvolutionError(int index) = 0;

  // Makes the calling thread work on a stream of its own of GPU `index`, and waits for it at the end.
  virtual void EnterStream(int index) = 0;
  virtual void LeaveStream(int index) = 0;

  // NCCL among processes that each have a GPU of their own, a reference that the caller takes over
  // (c10::intrusive_ptr::reclaim); nullptr if it was not built in. Does not own `store`.
  virtual c10d::Backend* NewNccl(c10d::Store& store, int rank, int size, std::chrono::milliseconds patience) = 0;
};

inline constexpr int kGpuModuleVersion = 2;
inline constexpr const char* kGpuModuleFile = "libconsilium_learning_gpu.so";
inline constexpr const char* kGpuModuleSymbol = "ConsiliumLearningGpu";  // GpuModule* ConsiliumLearningGpu()

// The opened module, or nullptr. Owned by the process.
GpuModule* TheGpuModule();

std::int64_t GpuFreeBytes(int index);  // -1 without the module

// While it lives the calling thread's work goes to a stream of its own on that GPU; nothing on the processor.
class StreamScope {
 public:
  explicit StreamScope(int gpu_index_or_minus_one);
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  int index_;
};

}  // namespace consilium
