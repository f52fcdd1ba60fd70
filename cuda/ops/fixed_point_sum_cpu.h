// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "cuda/ops/fixed_point_sum.h"

namespace consilium {

// The implementation behind AddFixedPoint(); sizes and weight are checked by the caller. False: some number is out
// of range, and `sum` is as it was before.
bool AddFixedPointCpu(std::span<const float> delta, std::int64_t weight, std::span<std::int64_t> sum);

// A 63-bit integer and a product that is exact in double: rounded to double, divided, rounded to float, always so.
inline float FixedPointMean(std::int64_t sum, std::int64_t total_weight) {
  const double one = static_cast<double>(std::int64_t{1} << kFixedPointBits);
  return static_cast<float>(static_cast<double>(sum) / (static_cast<double>(total_weight) * one));
}

}  // namespace consilium
