// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

// All 27 resamples of three values have known means: with many draws the quantiles are those of the 27.
TEST(BootstrapTest, SmallSetsByEnumeration) {
  const std::vector<double> values = {0, 1, 5};
  std::vector<double> means;
  for (const double a : values)
    for (const double b : values)
      for (const double c : values) means.push_back((a + b + c) / 3);
  std::ranges::sort(means);
  const MeanInterval got = BootstrapMean(values, {.level = 0.8, .resamples = 200000});
  EXPECT_EQ(got.n, 3);
  EXPECT_DOUBLE_EQ(got.mean, 2);
  EXPECT_NEAR(got.low, means[2], 1e-12);    // a tenth of 27 lies within the third, which is 1/3 as its neighbours
  EXPECT_NEAR(got.high, means[24], 1e-12);  // 11/3, as its neighbours
  EXPECT_NEAR(means[2], 1.0 / 3, 1e-12);
  EXPECT_NEAR(means[24], 11.0 / 3, 1e-12);
}

// Of many values the interval is the normal one: mean +- 1.96 sd / sqrt(n).
TEST(BootstrapTest, LargeSetsByTheNormalLaw) {
  Random random(3);
  std::vector<double> values(2000);
  for (double& v : values) v = 5 + 2 * random.Normal();
  double mean = 0, square = 0;
  for (const double v : values) mean += v / 2000;
  for (const double v : values) square += (v - mean) * (v - mean) / 2000;
  const double half = 1.959964 * std::sqrt(square / 2000);
  const MeanInterval got = BootstrapMean(values);
  EXPECT_NEAR(got.mean, mean, 1e-12);
  EXPECT_NEAR(got.low, mean - half, 0.05 * half);
  EXPECT_NEAR(got.high, mean + half, 0.05 * half);
}

TEST(BootstrapTest, PairsAreDrawnTogether) {
  // Cases differ widely, the models by 0.01 in each: the paired interval is a point.
  const std::vector<double> a = {0.11, 0.51, 0.91, 0.31}, b = {0.10, 0.50, 0.90, 0.30};
  const MeanInterval got = PairedBootstrap(a, b);
  EXPECT_NEAR(got.low, 0.01, 1e-12);
  EXPECT_NEAR(got.high, 0.01, 1e-12);
  EXPECT_EQ(got.n, 4);
  EXPECT_NEAR(PairedBootstrap(b, a).mean, -0.01, 1e-12);
}

TEST(BootstrapTest, OneSeedOneInterval) {
  const std::vector<double> values = {1, 4, 2, 8, 5, 7};
  EXPECT_EQ(BootstrapMean(values, {.seed = 9}), BootstrapMean(values, {.seed = 9}));
  EXPECT_NE(BootstrapMean(values, {.level = 0.9, .resamples = 50, .seed = 9}),
            BootstrapMean(values, {.level = 0.9, .resamples = 50, .seed = 10}));
}

TEST(BootstrapTest, WhatHasNoIntervalIsRefusedWithWords) {
  const std::vector<double> one = {0.5}, bad = {0.5, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_EQ(BootstrapMean(one), (MeanInterval{0.5, 0.5, 0.5, 1}));
  ExpectError(ErrorCode::kInvalidArgument, "at least one value", [] { BootstrapMean({}); });
  ExpectError(ErrorCode::kInvalidArgument, "Give a case without a number its worst one", [&] { BootstrapMean(bad); });
  ExpectError(ErrorCode::kInvalidArgument, "lies between 0 and 1", [&] { BootstrapMean(one, {.level = 1}); });
  ExpectError(ErrorCode::kInvalidArgument, "1 to 10000000 resamples", [&] { BootstrapMean(one, {.resamples = 0}); });
  ExpectError(ErrorCode::kInvalidArgument, "only on the same cases: 1 and 2", [&] { PairedBootstrap(one, bad); });
}

}  // namespace
}  // namespace consilium
