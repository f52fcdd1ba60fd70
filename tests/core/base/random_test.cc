// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace consilium {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Random123 1.14, tests/kat_vectors, philox4x32 with 10 rounds.
TEST(RandomTest, PhiloxPublishedVectors) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(Philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomTest, WordsAreThoseOfTheCounterInOrder) {
  Random random(0x299f31d0a4093822, 0x0370734413198a2e);
  const Words first = Philox4x32({0, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0});
  const Words second = Philox4x32({1, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0});
  for (const auto word : first) EXPECT_EQ(random.NextU32(), word);
  EXPECT_EQ(random.NextU64(), second[0] | std::uint64_t{second[1]} << 32);
}

TEST(RandomTest, SeedsAndStreamsDiffer) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t stream = 0; stream < 20; ++stream) seen.insert(Random(seed, stream).NextU64());
  }
  EXPECT_EQ(seen.size(), 400u);
  Random a(1), b(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.NextU64(), b.NextU64());
}

TEST(RandomTest, UniformFillsItsInterval) {
  Random random(1);
  double sum = 0, low = 1, high = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double u = random.Uniform();
    sum += u;
    low = std::min(low, u);
    high = std::max(high, u);
  }
  EXPECT_GE(low, 0);
  EXPECT_LT(high, 1);
  EXPECT_LT(low, 1e-3);
  EXPECT_GT(high, 1 - 1e-3);
  EXPECT_NEAR(sum / 100'000, 0.5, 5 * 0.2887 / std::sqrt(100'000));
  EXPECT_GE(random.Uniform(-3, -2), -3);
}

TEST(RandomTest, IntegersAreInclusiveAndEven) {
  Random random(2);
  std::vector<int> count(7);
  for (int i = 0; i < 70'000; ++i) ++count[static_cast<std::size_t>(random.Integer(-3, 3) + 3)];
  double chi2 = 0;
  for (const int n : count) chi2 += (n - 10'000.0) * (n - 10'000.0) / 10'000.0;
  EXPECT_LT(chi2, 27.9);  // 6 degrees of freedom, p = 1e-4
  EXPECT_EQ(random.Integer(5, 5), 5);
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min(), kMax = std::numeric_limits<std::int64_t>::max();
  bool negative = false, positive = false;
  for (int i = 0; i < 64; ++i) {
    const auto value = random.Integer(kMin, kMax);
    negative = negative || value < 0;
    positive = positive || value > 0;
  }
  EXPECT_TRUE(negative && positive);
}

TEST(RandomTest, NormalHasTheMomentsAndTailsOfANormal) {
  Random random(3);
  constexpr int kCount = 1'000'000;
  std::vector<double> values(kCount);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  for (double& v : values) {
    v = random.Normal();
    m1 += v;
    m2 += v * v;
    m3 += v * v * v;
    m4 += v * v * v * v;
  }
  const double n = kCount;
  EXPECT_NEAR(m1 / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(m2 / n, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(m3 / n, 0, 5 * std::sqrt(15 / n));
  EXPECT_NEAR(m4 / n, 3, 5 * std::sqrt(96 / n));
  // Kolmogorov-Smirnov against the error function; 1.95 / sqrt(n) is p = 0.001.
  std::sort(values.begin(), values.end());
  double worst = 0;
  for (int i = 0; i < kCount; ++i) {
    const double cdf = 0.5 * std::erfc(-values[static_cast<std::size_t>(i)] / std::sqrt(2.0));
    worst = std::max({worst, std::abs(cdf - i / n), std::abs(cdf - (i + 1) / n)});
  }
  EXPECT_LT(worst, 1.95 / std::sqrt(n));
}

// The polar method again with libm's logarithm: ours agrees to the last bits.
TEST(RandomTest, NormalUsesAnAccurateLogarithm) {
  Random random(4), again(4);
  for (int i = 0; i < 10'000; ++i) {
    double u = 0, v = 0, s = 0;
    do {
      u = 2 * again.Uniform() - 1;
      v = 2 * again.Uniform() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s == 0);
    const double scale = std::sqrt(-2 * std::log(s) / s);
    EXPECT_NEAR(random.Normal(), u * scale, 1e-13);
    EXPECT_NEAR(random.Normal(), v * scale, 1e-13);
  }
}

TEST(RandomTest, NumbersAreFixedForEver) {
  // A change here changes every model digest: it must be a decision.
  Random random(42);
  EXPECT_EQ(random.NextU64(), Random(42).NextU64());
  EXPECT_EQ(Random(0).NextU32(), 0x6627e8d5u);
  EXPECT_EQ(DeriveSeed(1, 2), DeriveSeed(1, 2));
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (std::uint64_t purpose = 0; purpose < 50; ++purpose) seen.insert(DeriveSeed(seed, purpose));
  }
  EXPECT_EQ(seen.size(), 2500u);
}

}  // namespace
}  // namespace consilium
