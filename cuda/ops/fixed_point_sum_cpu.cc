// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/fixed_point_sum_cpu.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

#include "cuda/ops/cpu_features.h"

namespace consilium {
namespace {

// Round to the nearest integer, ties to even: adding 1.5 * 2^52 leaves no bit behind the point of a double below
// 2^51, and its low bits then are the integer. Unlike llrint it can be done on many numbers at once.
CONSILIUM_INLINE std::uint64_t ToFixedPoint(float x) {
  constexpr double kMagic = 0x1.8p52;
  const double shifted = static_cast<double>(x) * 0x1p32 + kMagic;  // the product is exact
  return std::bit_cast<std::uint64_t>(shifted) - std::bit_cast<std::uint64_t>(kMagic);
}

// sum += weight * delta, modulo 2^64 (so that a refused update can be taken back exactly). A number out of range adds
// nothing. Returns how many there were.
CONSILIUM_INLINE std::uint64_t Add(const float* delta, std::uint64_t weight, std::int64_t* sum, std::size_t count) {
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const bool good = std::fabs(delta[i]) <= kFixedPointLimit;  // false for a NaN
    const std::uint64_t product = good ? ToFixedPoint(delta[i]) * weight : 0;
    sum[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum[i]) + product);
    refused += good ? 0 : 1;
  }
  return refused;
}

CONSILIUM_TARGET_AVX2 std::uint64_t AddAvx2(const float* delta, std::uint64_t weight, std::int64_t* sum,
                                            std::size_t count) {
  return Add(delta, weight, sum, count);
}
std::uint64_t AddPlain(const float* delta, std::uint64_t weight, std::int64_t* sum, std::size_t count) {
  return Add(delta, weight, sum, count);
}

}  // namespace

bool AddFixedPointCpu(std::span<const float> delta, std::int64_t weight, std::span<std::int64_t> sum) {
  const auto add = CpuHasAvx2AndFma() ? AddAvx2 : AddPlain;
  const auto w = static_cast<std::uint64_t>(weight);
  if (add(delta.data(), w, sum.data(), delta.size()) == 0) return true;
  add(delta.data(), ~w + 1, sum.data(), delta.size());  // integers: what was added can be taken back exactly
  return false;
}

}  // namespace consilium
