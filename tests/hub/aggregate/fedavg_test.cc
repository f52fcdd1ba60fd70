// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/aggregate/fedavg.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

UpdateSource SourceOf(std::int64_t weight, std::vector<float> numbers) {
  return {weight, [numbers = std::move(numbers)](std::int64_t first, std::span<float> values) {
            Ensure(first >= 0 && static_cast<std::size_t>(first) + values.size() <= numbers.size(),
                   "within the update");
            std::copy_n(numbers.begin() + first, values.size(), values.begin());
          }};
}

// tools/oracles/fedavg.py: exact rational arithmetic.
TEST(FedAvg, IsTheExactWeightedMean) {
  std::ifstream in(CONSILIUM_ORACLES "/fedavg.json");
  const auto oracle = nlohmann::json::parse(in);
  const auto base_values = oracle["base"].get<std::vector<float>>();
  const auto split = static_cast<std::int64_t>(base_values.size() / 3);
  const Parameters base{{{"a", {split}, {base_values.begin(), base_values.begin() + split}},
                         {"b",
                          {static_cast<std::int64_t>(base_values.size()) - split},
                          {base_values.begin() + split, base_values.end()}}}};
  std::vector<UpdateSource> updates;
  for (std::size_t i = 0; i < oracle["weights"].size(); ++i) {
    updates.push_back(SourceOf(oracle["weights"][i], oracle["updates"][i].get<std::vector<float>>()));
  }
  const Parameters next = FedAvg().Combine(base, updates);
  std::vector<float> got = next.arrays[0].values;
  got.insert(got.end(), next.arrays[1].values.begin(), next.arrays[1].values.end());
  const auto expected = oracle["expected"].get<std::vector<double>>();
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    // Half a step of 2^-32 for each update, then the mean and its sum with the base round to float32.
    const double rounding = 1.2e-7 * (std::abs(expected[i]) + std::abs(static_cast<double>(base_values[i])));
    EXPECT_NEAR(got[i], expected[i], rounding + 1.2e-10) << i;
  }
}

// More numbers than one piece, in arrays that end within pieces: each piece must meet its own place in the updates.
TEST(FedAvg, PiecesOfALargeModelMeetTheirPlaces) {
  constexpr std::size_t kFirst = (std::size_t{1} << 18) + 3, kSecond = (std::size_t{2} << 18) + 1;
  Parameters base{{{"a", {kFirst}, std::vector<float>(kFirst, 1)}, {"b", {kSecond}, std::vector<float>(kSecond, 2)}}};
  std::vector<float> place(kFirst + kSecond);
  for (std::size_t i = 0; i < place.size(); ++i) place[i] = static_cast<float>(i % 1000) / 8;
  const Parameters next = FedAvg().Combine(base, std::vector{SourceOf(5, place), SourceOf(15, place)});
  for (std::size_t i = 0; i < kFirst; ++i) ASSERT_EQ(next.arrays[0].values[i], 1 + place[i]) << i;
  for (std::size_t i = 0; i < kSecond; ++i) ASSERT_EQ(next.arrays[1].values[i], 2 + place[kFirst + i]) << i;
}

TEST(FedAvg, OnlyTheRatioOfWeightsCounts) {
  const Parameters base{{{"a", {3}, {0.1F, -0.2F, 0.3F}}}};
  const std::vector<float> x{0.25F, -4, 1e-3F}, y{-0.5F, 8, 7e-3F};
  const Parameters one = FedAvg().Combine(base, std::vector{SourceOf(1, x), SourceOf(3, y)});
  EXPECT_EQ(FedAvg().Combine(base, std::vector{SourceOf(250, x), SourceOf(750, y)}), one);
  EXPECT_NE(FedAvg().Combine(base, std::vector{SourceOf(2, x), SourceOf(3, y)}), one);
  EXPECT_EQ(FedAvg().Combine(base, std::vector{SourceOf(9, std::vector<float>(3, 0))}), base);
}

TEST(FedAvg, WhatTheScreenerShouldHaveStoppedStopsTheSum) {
  const Parameters base{{{"a", {1}, {0}}}};
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), 2000.0F}) {
    ExpectError(ErrorCode::kOutOfRange, "the exact sum takes -1024 to 1024",
                [&] { FedAvg().Combine(base, std::vector{SourceOf(1, {bad})}); });
  }
  ExpectError(ErrorCode::kInvalidArgument, "weight", [&] { FedAvg().Combine(base, std::vector{SourceOf(0, {1})}); });
}

}  // namespace
}  // namespace consilium
