// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/torch_device.h"

#include <algorithm>
#include <new>
#include <thread>

#include "core/base/error.h"
#include "core/base/log.h"
#include "learning/runtime.h"
#include "learning/tensors.h"

namespace consilium {
namespace {

constexpr double kBfloat16Tolerance = 0.05;  // bfloat16 has 8 bits: sums of some hundred products stay well below

// Once for each GPU and process.
void RequireRightConvolutions(int gpu) {
  static const std::vector<double> errors = [] {
    std::vector<double> all;
    for (int i = 0; i < StartLearningRuntime().gpus; ++i) all.push_back(TheGpuModule()->Bfloat16ConvolutionError(i));
    return all;
  }();
  const double error = errors.at(static_cast<std::size_t>(gpu));
  if (error <= kBfloat16Tolerance) return;
  throw Error(ErrorCode::kFailedPrecondition,
              "cuDNN " + StartLearningRuntime().cudnn_version + " computes bfloat16 convolutions wrongly on cuda:" +
                  std::to_string(gpu) + " (relative error " + std::to_string(error) + ")",
              "Use precision = float32, or install cuDNN 9.15 or newer.");
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

TorchDevice OpenTorchDevice(const ComputeOptions& options) {
  options.Validate();
  const LearningRuntime& runtime = StartLearningRuntime();
  const Device device = options.device;
  ProcessorFeatures features = ReadProcessorFeatures();
  if (device.kind == DeviceKind::kCuda) {
    if (!runtime.gpu || device.index >= runtime.gpus) {
      throw Error(ErrorCode::kUnavailable,
                  "network: " + ToString(device) + " cannot be used: " +
                      (runtime.gpu ? "there are " + std::to_string(runtime.gpus) + " GPUs" : runtime.gpu_reason),
                  "Use device = auto or cpu. `consilium doctor` shows what was found.");
    }
    features.gpu_bf16 = TheGpuModule()->HasBfloat16(device.index);
  }
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  return {device, ToTorch(device), options.threads > 0 ? options.threads : static_cast<int>(cores), features};
}

Precision PrecisionOn(const TorchDevice& device, const std::string& asked) {
  const Precision precision = ChoosePrecision(asked, device.device.kind, device.features);
  if (device.device.kind == DeviceKind::kCuda && precision == Precision::kBfloat16) {
    RequireRightConvolutions(device.device.index);
  }
  return precision;
}

TorchScope::TorchScope(const TorchDevice& device)
    : stream_(device.device.kind == DeviceKind::kCuda ? device.device.index : -1) {
  at::set_num_threads(device.threads);
}

void AtTorchWall(const std::string& what, const std::function<std::string()>& memory_words,
                 const std::function<void()>& f) {
  const auto out_of_memory = [&]() {
    return Error(ErrorCode::kResourceExhausted, what + ": out of memory: " + memory_words(),
                 "Choose a smaller patch, batch or features in the plan, or free memory.");
  };
  try {
    f();
  } catch (const c10::OutOfMemoryError&) {
    throw out_of_memory();
  } catch (const std::bad_alloc&) {
    throw out_of_memory();
  } catch (const c10::Error& error) {
    const std::string words = error.what_without_backtrace();
    if (words.find("DefaultCPUAllocator") != std::string::npos || words.find("out of memory") != std::string::npos) {
      throw out_of_memory();
    }
    throw Error(ErrorCode::kInternal, what + ": " + FirstLine(words),
                "If it happens again, run `consilium doctor` and report this.");
  }
}

}  // namespace consilium
