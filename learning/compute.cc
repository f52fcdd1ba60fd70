// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/compute.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/base/error.h"

namespace consilium {

std::string_view Name(Precision precision) { return precision == Precision::kBfloat16 ? "bfloat16" : "float32"; }

ProcessorFeatures ReadProcessorFeatures() {
  ProcessorFeatures features;
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) features.avx512_bf16 = (a >> 5 & 1U) != 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) features.amx_bf16 = (d >> 22 & 1U) != 0;
#endif
  return features;
}

Precision ChoosePrecision(const std::string& asked, DeviceKind device, const ProcessorFeatures& features) {
  if (asked == "float32") return Precision::kFloat32;
  if (asked == "bfloat16") return Precision::kBfloat16;
  Require(asked == "auto", "precision = \"" + asked + "\" is not known", "Use auto, float32 or bfloat16.");
  const bool fast = device == DeviceKind::kCuda ? features.gpu_bf16 : features.avx512_bf16 || features.amx_bf16;
  return fast ? Precision::kBfloat16 : Precision::kFloat32;
}

void ComputeOptions::Validate() const {
  Require(threads >= 0 && threads <= 1024, "threads = " + std::to_string(threads) + " is not between 0 and 1024",
          "Use 0 for one thread a core.");
  ChoosePrecision(precision, device.kind, {});
}

}  // namespace consilium
