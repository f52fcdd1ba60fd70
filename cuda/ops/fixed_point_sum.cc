// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/fixed_point_sum.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "cuda/module.h"
#include "cuda/ops/fixed_point_sum_cpu.h"

namespace consilium {
namespace {

void RequireWeight(std::int64_t weight, const std::string& what) {
  Require(weight >= 1 && weight <= kFixedPointMaxWeight, what + " is " + std::to_string(weight) + "; it must be 1 to " +
                                                             std::to_string(kFixedPointMaxWeight) +
                                                             ", or the exact sum could overflow.");
}

[[noreturn]] void ThrowFirstRefused(std::span<const float> delta) {
  const auto bad = std::ranges::find_if(delta, [](float x) { return !(std::fabs(x) <= kFixedPointLimit); });
  Ensure(bad != delta.end(), "a number was refused that is in range");
  const std::string words = std::isnan(*bad) ? "not a number" : std::to_string(*bad);
  throw Error(ErrorCode::kOutOfRange,
              "number " + std::to_string(bad - delta.begin()) + " of the update is " + words +
                  "; the exact sum takes -1024 to 1024.",
              "Refuse this update and look at the site's training: its rate may be too high.");
}

}  // namespace

void AddFixedPoint(std::span<const float> delta, std::int64_t weight, std::span<std::int64_t> sum, Device device) {
  Require(delta.size() == sum.size(), "fixed-point sum: " + std::to_string(delta.size()) +
                                          " numbers cannot be added to a sum of " + std::to_string(sum.size()) + ".");
  RequireWeight(weight, "fixed-point sum: the weight");
  if (delta.empty()) return;
  if (device.kind == DeviceKind::kCpu) {
    if (!AddFixedPointCpu(delta, weight, sum)) ThrowFirstRefused(delta);
    return;
  }
  ConsiliumStatus status{};
  std::uint64_t refused = 0;
  CudaTable(device).add_fixed_point(device.index, delta.data(), static_cast<std::int64_t>(delta.size()), weight,
                                    sum.data(), &refused, &status);
  RequireOk(status, "fixed-point sum", device);
  if (refused > 0) ThrowFirstRefused(delta);
}

float MeanFromFixedPoint(std::int64_t sum, std::int64_t total_weight) {
  RequireWeight(total_weight, "fixed-point mean: the total weight");
  return FixedPointMean(sum, total_weight);
}

void MeanFromFixedPoint(std::span<const std::int64_t> sum, std::int64_t total_weight, std::span<float> mean) {
  Require(sum.size() == mean.size(), "fixed-point mean: a sum of " + std::to_string(sum.size()) +
                                         " numbers cannot become " + std::to_string(mean.size()) + " means.");
  RequireWeight(total_weight, "fixed-point mean: the total weight");
  std::ranges::transform(sum, mean.begin(), [&](std::int64_t s) { return FixedPointMean(s, total_weight); });
}

}  // namespace consilium
