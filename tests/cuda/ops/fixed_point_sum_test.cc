// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/fixed_point_sum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "cuda/ops/fixed_point_sum_kernel.cuh"
#include "tests/support/devices.h"
#include "tests/support/host_context.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> RandomUpdate(std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 0.01F);
  std::uniform_int_distribution<int> power(-40, 14);  // also tiny ones, and some near the limit
  std::vector<float> update(count);
  for (float& x : update) x = std::clamp(std::ldexp(normal(random), power(random)), -1024.0F, 1024.0F);
  return update;
}

// The same in 128-bit integers, one number at a time.
std::int64_t Exact(float x, std::int64_t weight) {
  const auto q = static_cast<__int128>(std::nearbyint(std::ldexp(static_cast<long double>(x), 32)));
  return static_cast<std::int64_t>(q * weight);
}

class FixedPointSum : public testing::TestWithParam<Device> {};

TEST_P(FixedPointSum, KnownValues) {
  const std::int64_t one = std::int64_t{1} << 32;
  const std::vector<float> delta = {0.0F,     -0.0F,    1.0F,      -1.0F,
                                    0.5F,     1024.0F,  -1024.0F,  0x1p-32F,
                                    0x1p-33F, 0x3p-33F, -0x3p-33F, std::numeric_limits<float>::denorm_min()};
  std::vector<std::int64_t> sum(delta.size(), 7);
  AddFixedPoint(delta, 3, sum, GetParam());
  const std::vector<std::int64_t> expected = {7,
                                              7,
                                              7 + 3 * one,
                                              7 - 3 * one,
                                              7 + 3 * one / 2,
                                              7 + 3072 * one,
                                              7 - 3072 * one,
                                              10,
                                              7 /* tie to even 0 */,
                                              13 /* tie 1.5 to even 2 */,
                                              1,
                                              7};
  EXPECT_EQ(sum, expected);
}

TEST_P(FixedPointSum, EveryBitAgreesWith128BitIntegers) {
  for (const std::size_t count : {1U, 31U, 257U, 10007U}) {
    const std::vector<float> delta = RandomUpdate(count, 11);
    for (const std::int64_t weight : {std::int64_t{1}, std::int64_t{37}, kFixedPointMaxWeight}) {
      std::vector<std::int64_t> sum(count, -5);
      AddFixedPoint(delta, weight, sum, GetParam());
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(sum[i], -5 + Exact(delta[i], weight)) << i << " " << delta[i];
    }
  }
}

TEST_P(FixedPointSum, EveryOrderAndEveryCutGivesTheSameBits) {
  const std::size_t count = 5000;
  std::vector<std::size_t> order = {0, 1, 2, 3, 4};
  std::vector<std::vector<float>> updates;
  for (const std::size_t s : order) updates.push_back(RandomUpdate(count, static_cast<unsigned>(s)));
  std::vector<std::vector<std::int64_t>> sums;
  std::mt19937_64 random(3);
  do {
    if (random() % 8 != 0 && !sums.empty()) continue;  // about 15 of the 120 orders
    std::vector<std::int64_t> sum(count);
    for (const std::size_t s : order) {
      const std::size_t cut = random() % count;  // a spool read in two chunks
      const std::span<const float> delta(updates[s]);
      const std::span<std::int64_t> all(sum);
      AddFixedPoint(delta.first(cut), static_cast<std::int64_t>(s) + 1, all.first(cut), GetParam());
      AddFixedPoint(delta.subspan(cut), static_cast<std::int64_t>(s) + 1, all.subspan(cut), GetParam());
    }
    sums.push_back(sum);
  } while (std::ranges::next_permutation(order).found);
  ASSERT_GT(sums.size(), 5U);
  for (const auto& sum : sums) ASSERT_EQ(sum, sums.front());
}

TEST_P(FixedPointSum, MeanIsWithinHalfAStepOfTheTrueMean) {
  const std::vector<float> a = RandomUpdate(3000, 1);
  const std::vector<float> b = RandomUpdate(3000, 2);
  std::vector<std::int64_t> sum(a.size());
  AddFixedPoint(a, 5, sum, GetParam());
  AddFixedPoint(b, 12, sum, GetParam());
  std::vector<float> mean(a.size());
  MeanFromFixedPoint(sum, 17, mean);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double truth = (5 * static_cast<double>(a[i]) + 12 * static_cast<double>(b[i])) / 17;
    const double tolerance = 0x1p-33 + std::fabs(truth) * 0x1p-24;  // half a step, and rounding to float32
    ASSERT_NEAR(static_cast<double>(mean[i]), truth, tolerance) << i;
  }
}

TEST_P(FixedPointSum, ARefusedUpdateLeavesTheSumAsItWas) {
  for (const float bad : {kNan, kInfinity, -kInfinity, std::nextafter(1024.0F, 2000.0F), -3e38F}) {
    std::vector<float> delta = RandomUpdate(10000, 5);
    delta[9876] = bad;
    delta[9999] = bad;
    std::vector<std::int64_t> sum(delta.size());
    std::iota(sum.begin(), sum.end(), -7);
    const std::vector<std::int64_t> before = sum;
    try {
      AddFixedPoint(delta, 1000, sum, GetParam());
      FAIL() << bad << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutOfRange);
      EXPECT_THAT(error.what(),
                  HasSubstr("number 9876 of the update is " + std::string(std::isnan(bad) ? "not a number" : "")));
      EXPECT_THAT(error.what(), HasSubstr("the exact sum takes -1024 to 1024"));
      EXPECT_THAT(error.next_step(), HasSubstr("Refuse this update"));
    }
    EXPECT_EQ(sum, before);
  }
}

TEST_P(FixedPointSum, TheLargestFederationDoesNotOverflow) {
  const std::vector<float> delta = {1024.0F, -1024.0F};
  std::vector<std::int64_t> sum(2);
  for (int site = 0; site < 4; ++site) AddFixedPoint(delta, kFixedPointMaxWeight / 4, sum, GetParam());
  EXPECT_EQ(sum[0], std::int64_t{1} << 62);
  EXPECT_EQ(sum[1], -(std::int64_t{1} << 62));
  EXPECT_EQ(MeanFromFixedPoint(sum[0], kFixedPointMaxWeight), 1024.0F);
}

TEST_P(FixedPointSum, ThreadsMayShareASum) {
  const std::vector<float> delta = RandomUpdate(20000, 9);
  std::vector<std::int64_t> alone(delta.size());
  AddFixedPoint(delta, 3, alone, GetParam());
  std::vector<std::int64_t> together(delta.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t begin = 0; begin < delta.size(); begin += 5000) {
      threads.emplace_back([&, begin] {
        AddFixedPoint(std::span(delta).subspan(begin, 5000), 3, std::span(together).subspan(begin, 5000), GetParam());
      });
    }
  }
  EXPECT_EQ(together, alone);
}

TEST_P(FixedPointSum, EmptyIsNothing) { EXPECT_NO_THROW(AddFixedPoint({}, 1, {}, GetParam())); }

INSTANTIATE_TEST_SUITE_P(Devices, FixedPointSum, testing::ValuesIn(AllDevices()), DeviceName);

TEST(Gpu, TheseTestsRanOnAGpuOrSayWhyNot) {
  if (!WhyNoCuda().empty()) GTEST_SKIP() << "No GPU can be used here: " << WhyNoCuda();
  EXPECT_GE(AllDevices().size(), 2U);
}

template <class Body>
std::string WordsOf(Body body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(FixedPointSumInput, WrongSizesAndWeightsAreRefusedWithWords) {
  const std::vector<float> delta(3);
  std::vector<std::int64_t> sum(4);
  EXPECT_THAT(WordsOf([&] { AddFixedPoint(delta, 1, sum); }), HasSubstr("3 numbers cannot be added to a sum of 4"));
  sum.resize(3);
  for (const std::int64_t weight : {std::int64_t{0}, std::int64_t{-1}, kFixedPointMaxWeight + 1}) {
    EXPECT_THAT(WordsOf([&] { AddFixedPoint(delta, weight, sum); }),
                HasSubstr("the weight is " + std::to_string(weight) + "; it must be 1 to 1048576"));
    EXPECT_THAT(WordsOf([&] { MeanFromFixedPoint(1, weight); }),
                HasSubstr("total weight is " + std::to_string(weight)));
  }
  std::vector<float> mean(2);
  EXPECT_THAT(WordsOf([&] { MeanFromFixedPoint(sum, 1, mean); }),
              HasSubstr("a sum of 3 numbers cannot become 2 means"));
}

// The kernel's body without a GPU: tests/support/host_context.h.
class FixedPointSumKernelIn : public testing::TestWithParam<HostOrder> {
 protected:
  static std::uint64_t Run(std::uint32_t blocks, const std::vector<float>& delta, std::uint64_t weight,
                           std::vector<std::int64_t>& sum) {
    std::uint64_t refused = 0;
    const std::uint32_t block = GetParam() == HostOrder::kThreads ? 64 : FixedPointSumKernel::kBlock;
    RunOnHost(
        {.grid = {blocks, 1, 1}, .block = {block, 1, 1}, .shared_bytes = block / kWarpSize * 8, .order = GetParam()},
        [&](HostContext& context) {
          FixedPointSumKernel::Run(context, delta.data(), static_cast<std::int64_t>(delta.size()), weight, sum.data(),
                                   &refused);
        });
    return refused;
  }
};

TEST_P(FixedPointSumKernelIn, SameBitsAsTheProcessor) {
  for (const std::uint32_t blocks : {1U, 3U}) {
    const std::vector<float> delta = RandomUpdate(1501, 21);
    std::vector<std::int64_t> expected(delta.size(), 99);
    std::vector<std::int64_t> sum = expected;
    AddFixedPoint(delta, 37, expected);
    EXPECT_EQ(Run(blocks, delta, 37, sum), 0U);
    ASSERT_EQ(sum, expected);
  }
}

TEST_P(FixedPointSumKernelIn, CountsWhatItRefusesAndAddsTheRest) {
  std::vector<float> delta(700, 1.0F);
  for (const std::size_t i : {0U, 31U, 32U, 255U, 256U, 511U, 699U}) delta[i] = kNan;
  delta[5] = kInfinity;
  delta[6] = -1025;
  std::vector<std::int64_t> sum(delta.size());
  EXPECT_EQ(Run(2, delta, 2, sum), 9U);
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const bool good = std::fabs(delta[i]) <= kFixedPointLimit;
    ASSERT_EQ(sum[i], good ? std::int64_t{1} << 33 : 0) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, FixedPointSumKernelIn, testing::ValuesIn(HostOrders()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace consilium
