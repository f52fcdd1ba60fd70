// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/base/random.h"
#include "cuda/ops/fixed_point_sum.h"
#include "hub/aggregate/fedavg.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 18;

Parameters ParametersOf(const std::vector<std::vector<float>>& arrays) {
  Parameters parameters;
  for (const std::vector<float>& values : arrays) {
    parameters.arrays.push_back(
        {"a" + std::to_string(parameters.arrays.size()), {static_cast<std::int64_t>(values.size())}, values});
  }
  return parameters;
}

UpdateSource Source(std::int64_t weight, std::vector<float> numbers) {
  return {weight, [numbers = std::move(numbers)](std::int64_t first, std::span<float> values) {
            ASSERT_LE(static_cast<std::size_t>(first) + values.size(), numbers.size());
            EXPECT_LE(values.size(), kMostAtOnce) << "more than a piece in memory";
            std::copy_n(numbers.begin() + first, values.size(), values.begin());
          }};
}

std::vector<float> Numbers(std::size_t count, std::uint64_t stream, double scale = 0.01) {
  Random random(7, stream);
  std::vector<float> numbers(count);
  for (float& x : numbers) x = static_cast<float>(scale * random.Normal());
  return numbers;
}

TEST(FedAvg, EveryOrderOfTheSitesGivesTheSameBits) {
  const Parameters base = ParametersOf({Numbers(300, 0), Numbers(77, 1)});
  std::vector<UpdateSource> updates;
  for (const std::int64_t weight : {3, 412, 31, 7}) {
    updates.push_back(Source(weight, Numbers(377, 10 + static_cast<std::uint64_t>(weight), 30)));
  }
  const Parameters first = FedAvg().Combine(base, updates);
  EXPECT_NE(first, base);
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  while (std::next_permutation(order.begin(), order.end())) {
    std::vector<UpdateSource> shuffled;
    for (const std::size_t i : order) shuffled.push_back(updates[i]);
    EXPECT_EQ(FedAvg().Combine(base, shuffled), first);
  }
}

TEST(FedAvg, OnlyTheProportionsOfTheWeightsMatter) {
  const Parameters base = ParametersOf({Numbers(500, 0)});
  const auto weighted = [&](std::int64_t a, std::int64_t b) {
    return FedAvg().Combine(base, std::vector{Source(a, Numbers(500, 1)), Source(b, Numbers(500, 2))});
  };
  EXPECT_EQ(weighted(5, 11), weighted(5 * 1024, 11 * 1024));  // a power of two: no rounding differs
  const Parameters plain = weighted(5, 11), tripled = weighted(15, 33), other = weighted(11, 5);
  for (std::size_t i = 0; i < 500; ++i) EXPECT_FLOAT_EQ(plain.arrays[0].values[i], tripled.arrays[0].values[i]) << i;
  EXPECT_NE(plain, other);
  // A site that counts three times is three sites.
  EXPECT_EQ(FedAvg().Combine(base, std::vector{Source(3, Numbers(500, 1)), Source(1, Numbers(500, 2))}),
            FedAvg().Combine(base, std::vector{Source(1, Numbers(500, 1)), Source(1, Numbers(500, 2)),
                                               Source(1, Numbers(500, 1)), Source(1, Numbers(500, 1))}));
}

TEST(FedAvg, WhereAPieceOrAnArrayEndsDoesNotMatter) {
  const std::size_t count = 2 * kMostAtOnce + 3, cut = kMostAtOnce - 1;
  const std::vector<float> base = Numbers(count, 0);
  const std::vector<UpdateSource> updates{Source(2, Numbers(count, 1)), Source(3, Numbers(count, 2))};
  const Parameters whole = FedAvg().Combine(ParametersOf({base}), updates);
  const Parameters parts = FedAvg().Combine(
      ParametersOf({{base.begin(), base.begin() + cut}, {}, {base.begin() + cut, base.end()}}), updates);
  std::vector<float> joined = parts.arrays[0].values;
  joined.insert(joined.end(), parts.arrays[2].values.begin(), parts.arrays[2].values.end());
  EXPECT_EQ(joined, whole.arrays[0].values);
  // Around a piece's edge each number is that of its own place.
  const std::vector<float> a = Numbers(count, 1), b = Numbers(count, 2);
  for (const std::size_t i : {std::size_t{0}, kMostAtOnce - 1, kMostAtOnce, 2 * kMostAtOnce, count - 1}) {
    EXPECT_NEAR(whole.arrays[0].values[i], base[i] + (2 * a[i] + 3 * b[i]) / 5, 1e-8) << i;
  }
}

TEST(FedAvg, OneUpdateIsAddedAsItIsAndTheBaseStays) {
  const Parameters base = ParametersOf({{1, -2, 0.5F}}), kept = base;
  EXPECT_EQ(FedAvg().Combine(base, std::vector{Source(17, {0.25F, 2, -0.5F})}).arrays[0].values,
            (std::vector<float>{1.25F, 0, 0}));
  EXPECT_EQ(base, kept);
}

TEST(FedAvg, WhatCannotBeSummedExactlyIsRefusedInWords) {
  const Parameters base = ParametersOf({{0, 0}});
  const auto combine = [&](std::vector<UpdateSource> updates) { (void)FedAvg().Combine(base, updates); };
  ExpectError(ErrorCode::kInvalidArgument, "there is no update to average", [&] { combine({}); });
  ExpectError(ErrorCode::kInvalidArgument, "the weight is 0; it must be 1 to 1048576", [&] {
    combine({Source(0, {1, 1})});
  });
  ExpectError(ErrorCode::kInvalidArgument, "the total weight is 1048577", [&] {
    combine({Source(kFixedPointMaxWeight, {1, 1}), Source(1, {1, 1})});
  });
  ExpectError(ErrorCode::kOutOfRange, "number 1 of the update is not a number", [&] {
    combine({Source(1, {1, std::nanf("")})});
  });
  ExpectError(ErrorCode::kOutOfRange, "number 0 of the update is 1025", [&] { combine({Source(1, {1025, 0})}); });
}

TEST(MakeAggregator, MakesWhatThePlanNamesAndElseNamesWhatThereIs) {
  EXPECT_NE(dynamic_cast<FedAvg*>(MakeAggregator({}).get()), nullptr);
  for (const char* rule : {"krum", "FedAvg", "fedavg2", ""}) {
    AggregationPlan plan;
    plan.rule = rule;
    ExpectError(ErrorCode::kInvalidArgument,
                "the plan's `aggregation.rule` is \"" + std::string(rule) + "\"\n  This hub knows: fedavg",
                [&] { (void)MakeAggregator(plan); });
  }
}

}  // namespace
}  // namespace consilium
