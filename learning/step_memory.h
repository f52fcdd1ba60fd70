// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/model/network_spec.h"
#include "cuda/device.h"
#include "learning/compute.h"

namespace consilium {

// One training step or one predicted tile, as far as memory goes.
struct StepSize {
  std::int64_t patch = 0;
  std::int64_t batch = 1;
  Precision precision = Precision::kFloat32;
  bool training = true;
};

// Bytes that the step takes beside the parameters, from the feature maps' sizes; real peaks lie within a factor of 2.
std::int64_t EstimateStepBytes(const NetworkSpec& network, const StepSize& step);

// "A patch of 64 with batch 2 needs about 3.1 GB, and 2.0 GB are free. A patch of 48 with batch 2, or of 56 with
// batch 1, would fit." `free_bytes` < 0: unknown, then it only says what is needed.
std::string WordsAboutMemory(const NetworkSpec& network, const StepSize& step, std::int64_t free_bytes);

// Throws Error(kResourceExhausted) with those words if the step cannot fit, before anything is allocated.
void RequireMemory(const NetworkSpec& network, const StepSize& step, std::int64_t free_bytes);

// Free bytes of the device now; -1 if it cannot be told.
std::int64_t FreeBytes(Device device);

}  // namespace consilium
