// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cuda/device.h"

namespace consilium {

// The number format of the convolutions. Weights, sums of gradients, norms and the loss are float32 in both.
enum class Precision { kFloat32, kBfloat16 };

std::string_view Name(Precision precision);  // "float32", "bfloat16"

// What decides the precision on a processor; nothing else does, so two equal machines compute alike.
struct ProcessorFeatures {
  bool avx512_bf16 = false;  // CPUID leaf 7.1 EAX bit 5
  bool amx_bf16 = false;     // CPUID leaf 7.0 EDX bit 22
  bool gpu_bf16 = false;     // the chosen GPU: compute capability 8.0 or newer
  friend bool operator==(const ProcessorFeatures&, const ProcessorFeatures&) = default;
};

ProcessorFeatures ReadProcessorFeatures();

// "float32" and "bfloat16" are taken as asked; "auto" is bfloat16 where the device multiplies it
// (`features`), else float32. A pure function: never of a timing, a load or the clock.
// Throws Error(kInvalidArgument) for any other word.
Precision ChoosePrecision(const std::string& asked, DeviceKind device, const ProcessorFeatures& features);

// Where and how the network computes.
struct ComputeOptions {
  Device device{};                 // of ParseDevice("auto|cpu|cuda:N")
  int threads = 0;                 // processor threads of one operation; 0: one for each core
  std::string precision = "auto";  // of prediction, see ChoosePrecision; training takes TrainPlan::precision
  void Validate() const;           // throws Error(kInvalidArgument)
};

}  // namespace consilium
