// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "learning/compute.h"
#include "learning/gpu_module.h"
#include "learning/torch.h"

namespace consilium {

// ComputeOptions made definite for this machine.
struct TorchDevice {
  Device device;
  at::Device torch;
  int threads = 1;
  ProcessorFeatures features;
};

// Starts the runtime. Throws Error(kUnavailable) for a GPU that cannot be used, with the reason.
TorchDevice OpenTorchDevice(const ComputeOptions& options);

// ChoosePrecision on this device. Throws Error(kFailedPrecondition) if bfloat16 convolutions come out wrong on its GPU
// (a self-test, once for each GPU and process).
Precision PrecisionOn(const TorchDevice& device, const std::string& asked);

// While it lives, the calling thread computes with the device's threads and, on a GPU, on a stream of its own.
class TorchScope {
 public:
  explicit TorchScope(const TorchDevice& device);

 private:
  StreamScope stream_;
};

// Runs f and turns what Torch throws into Error: memory becomes kResourceExhausted with the words of
// `memory_words()`, anything else kInternal. `what` begins the sentence.
void AtTorchWall(const std::string& what, const std::function<std::string()>& memory_words,
                 const std::function<void()>& f);

}  // namespace consilium
