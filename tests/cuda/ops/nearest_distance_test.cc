// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/nearest_distance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/base/error.h"
#include "cuda/ops/nearest_distance_kernel.cuh"
#include "tests/support/devices.h"
#include "tests/support/host_context.h"

namespace consilium {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
  Size3 size;
  Vec3 spacing;
  double density;  // the share of voxels in the set
};

// Anisotropic, thin, and wider than the sixteen columns that the processor takes at once.
const Case kCases[] = {{{9, 7, 5}, {0.98, 0.98, 3.27}, 0.05}, {{37, 3, 11}, {4, 2, 1}, 0.01},
                       {{1, 1, 23}, {1, 1, 0.3}, 0.1},        {{1, 29, 1}, {3, 0.7, 5}, 0.1},
                       {{16, 16, 16}, {1, 1, 1}, 0.002},      {{50, 41, 1}, {0.5, 0.5, 9}, 0.01},
                       {{21, 20, 19}, {2, 3, 4}, 0.4}};

std::vector<std::uint8_t> RandomSet(const Case& c, unsigned seed) {
  std::mt19937 random(seed);
  std::bernoulli_distribution in(c.density);
  std::vector<std::uint8_t> set(static_cast<std::size_t>(c.size.count()));
  for (std::uint8_t& voxel : set) voxel = in(random) ? 7 : 0;
  set[set.size() / 3] = 1;  // never empty
  return set;
}

std::vector<std::int64_t> AllVoxels(const Size3& size) {
  std::vector<std::int64_t> at(static_cast<std::size_t>(size.count()));
  for (std::size_t n = 0; n < at.size(); ++n) at[n] = static_cast<std::int64_t>(n);
  return at;
}

// The definition: every voxel against every voxel of the set.
std::vector<float> ByDefinition(const Case& c, const std::vector<std::uint8_t>& set) {
  const auto place = [&](std::int64_t n) {
    return Vec3{static_cast<double>(n % c.size.x) * c.spacing.x,
                static_cast<double>(n / c.size.x % c.size.y) * c.spacing.y,
                static_cast<double>(n / c.size.x / c.size.y) * c.spacing.z};
  };
  std::vector<float> out;
  for (const std::int64_t n : AllVoxels(c.size)) {
    double best = std::numeric_limits<double>::infinity();
    for (const std::int64_t m : AllVoxels(c.size)) {
      if (set[static_cast<std::size_t>(m)] != 0) best = std::min(best, Norm(place(n) - place(m)));
    }
    out.push_back(static_cast<float>(best));
  }
  return out;
}

class NearestOn : public testing::TestWithParam<Device> {};

TEST_P(NearestOn, EqualsTheDefinition) {
  unsigned seed = 1;
  for (const Case& c : kCases) {
    const std::vector<std::uint8_t> set = RandomSet(c, ++seed);
    const std::vector<float> got = NearestDistances(c.size, c.spacing, set, AllVoxels(c.size), GetParam());
    const std::vector<float> expected = ByDefinition(c, set);
    ASSERT_EQ(got.size(), expected.size());
    // Double arithmetic in another order, then one rounding to float: at most one step of float apart.
    for (std::size_t n = 0; n < got.size(); ++n)
      ASSERT_NEAR(got[n], expected[n], 2e-7F * expected[n]) << seed << " " << n;
  }
}

TEST_P(NearestOn, WholeNumbersAreExact) {
  std::vector<std::uint8_t> set(10 * 9 * 8);
  set[0] = 1;
  const std::vector<std::int64_t> at = {0, 3 + 10 * 4, 9, 10 * 9 * 7, 2 + 10 * (3 + 9 * 6)};
  EXPECT_EQ(NearestDistances({10, 9, 8}, {1, 1, 1}, set, at, GetParam()), (std::vector<float>{0, 5, 9, 7, 7}));
  // 1.2 and 1.6 make 2 exactly: a tolerance of 2 mm takes it in.
  EXPECT_EQ(NearestDistances({10, 9, 8}, {0.6, 0.8, 1}, set, std::vector<std::int64_t>{2 + 10 * 2}, GetParam()).front(),
            2);
}

TEST_P(NearestOn, NothingToBeNearTo) {
  const std::vector<std::uint8_t> set(4 * 3 * 2);
  EXPECT_THAT(NearestDistances({4, 3, 2}, {1, 2, 3}, set, AllVoxels({4, 3, 2}), GetParam()), Each(kInfinity));
  EXPECT_TRUE(NearestDistances({4, 3, 2}, {1, 2, 3}, set, {}, GetParam()).empty());
}

INSTANTIATE_TEST_SUITE_P(Devices, NearestOn, testing::ValuesIn(AllDevices()), DeviceName);

template <class Change>
std::string WordsOf(Change change) {
  Size3 size{4, 3, 2};
  Vec3 spacing{1, 1, 1};
  std::vector<std::uint8_t> set(24);
  std::vector<std::int64_t> at = {0, 23};
  change(size, spacing, set, at);
  try {
    NearestDistances(size, spacing, set, at);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(NearestInput, WhatDoesNotFitIsRefusedWithWords) {
  EXPECT_EQ(WordsOf([](auto&, auto&, auto&, auto&) {}), "nothing was thrown");
  EXPECT_THAT(WordsOf([](auto& size, auto&, auto&, auto&) { size.z = 0; }), HasSubstr("the grid is 4 x 3 x 0 voxels"));
  EXPECT_THAT(WordsOf([](auto& size, auto&, auto&, auto&) {
                size = {std::int64_t{1} << 40, std::int64_t{1} << 40, 1};
              }),
              HasSubstr("at most 2^33"));
  EXPECT_THAT(WordsOf([](auto&, auto&, auto& set, auto&) { set.pop_back(); }),
              HasSubstr("23 voxels were given for a grid of 4 x 3 x 2"));
  EXPECT_THAT(WordsOf([](auto&, auto& spacing, auto&, auto&) { spacing.y = 0; }), HasSubstr("not a number above 0 mm"));
  EXPECT_THAT(WordsOf([](auto&, auto&, auto&, auto& at) { at.back() = 24; }), HasSubstr("there is no voxel 24"));
  EXPECT_THAT(WordsOf([](auto&, auto&, auto&, auto& at) { at.front() = -1; }), HasSubstr("there is no voxel -1"));
}

// The kernels' bodies without a GPU: tests/support/host_context.h.
class NearestKernelsIn : public testing::TestWithParam<HostOrder> {};

TEST_P(NearestKernelsIn, SameBitsAsTheProcessor) {
  const bool threads = GetParam() == HostOrder::kThreads;
  for (const Case& c : {kCases[0], kCases[1], kCases[2]}) {
    const std::vector<std::uint8_t> set = RandomSet(c, 5);
    const std::vector<std::int64_t> at = AllVoxels(c.size);
    const ConsiliumNearest what{c.size.x, c.size.y, c.size.z, c.spacing.x, c.spacing.y, c.spacing.z, std::ssize(at)};
    std::vector<double> rows(at.size(), -1), planes(at.size(), -1), squared(at.size(), -1);
    const auto launch = [&](Index3 grid, Index3 block, auto body) {
      RunOnHost({.grid = grid, .block = threads ? Index3{4, block.y > 1 ? 2U : 1U, 1} : block, .order = GetParam()},
                body);
    };
    // Grids too small for the image: every thread takes several turns.
    launch({1, 1, 1}, NearestRowsKernel::kBlock,
           [&](HostContext& context) { NearestRowsKernel::Run(context, what, set.data(), rows.data()); });
    launch({1, 1, 2}, NearestPlanesKernel::kBlock,
           [&](HostContext& context) { NearestPlanesKernel::Run(context, what, rows.data(), planes.data()); });
    launch({2, 1, 1}, NearestPointsKernel::kBlock, [&](HostContext& context) {
      NearestPointsKernel::Run(context, what, planes.data(), at.data(), squared.data());
    });
    const std::vector<float> expected = NearestDistances(c.size, c.spacing, set, at);
    for (std::size_t n = 0; n < at.size(); ++n) ASSERT_EQ(static_cast<float>(std::sqrt(squared[n])), expected[n]) << n;
  }
}

TEST_P(NearestKernelsIn, AnEmptySetIsInfinitelyFar) {
  const ConsiliumNearest what{3, 2, 2, 1, 1, 1, 12};
  const std::vector<std::uint8_t> set(12);
  const std::vector<std::int64_t> at = AllVoxels({3, 2, 2});
  std::vector<double> rows(12), planes(12), squared(12);
  const HostLaunch launch{.grid = {1, 1, 1}, .block = {4, 1, 1}, .order = GetParam()};
  RunOnHost(launch, [&](HostContext& context) { NearestRowsKernel::Run(context, what, set.data(), rows.data()); });
  RunOnHost(launch, [&](HostContext& context) { NearestPlanesKernel::Run(context, what, rows.data(), planes.data()); });
  RunOnHost(launch, [&](HostContext& context) {
    NearestPointsKernel::Run(context, what, planes.data(), at.data(), squared.data());
  });
  EXPECT_THAT(squared, Each(std::numeric_limits<double>::infinity()));
}

INSTANTIATE_TEST_SUITE_P(Orders, NearestKernelsIn, testing::ValuesIn(HostOrders()), testing::PrintToStringParamName());

}  // namespace
}  // namespace consilium
