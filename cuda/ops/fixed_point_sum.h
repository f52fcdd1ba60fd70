// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "cuda/device.h"

namespace consilium {

// The exact weighted sum of updates. A number x enters as the integer round(x * 2^32) (to nearest, ties to even)
// times its weight; integers add without rounding, so the sum has the same bits for every order of arrival, every
// retry, every number of threads and on every device.
//
// Headroom: |x| <= 1024 makes |round(x * 2^32)| <= 2^42, and weights that add up to at most 2^20 keep every sum
// within 2^62. One step is 2^-32 = 2.3e-10: the error of a mean is at most half of it, plus float32 rounding.
inline constexpr int kFixedPointBits = 32;
inline constexpr float kFixedPointLimit = 1024.0F;
inline constexpr std::int64_t kFixedPointMaxWeight = std::int64_t{1} << 20;

// sum[i] += weight * round(delta[i] * 2^32). Sizes agree and 1 <= weight <= kFixedPointMaxWeight, else
// Error(kInvalidArgument). A NaN, an infinity or |delta[i]| above the limit is Error(kOutOfRange) naming the first
// such i, and `sum` is as it was before. The caller keeps the weights' total within kFixedPointMaxWeight
// (MeanFromFixedPoint checks it). Both spans are host memory. Threads may add to different parts of a sum.
void AddFixedPoint(std::span<const float> delta, std::int64_t weight, std::span<std::int64_t> sum, Device device = {});

// sum / (total_weight * 2^32), rounded to float32. 1 <= total_weight <= kFixedPointMaxWeight, else
// Error(kInvalidArgument).
float MeanFromFixedPoint(std::int64_t sum, std::int64_t total_weight);
void MeanFromFixedPoint(std::span<const std::int64_t> sum, std::int64_t total_weight, std::span<float> mean);

}  // namespace consilium
