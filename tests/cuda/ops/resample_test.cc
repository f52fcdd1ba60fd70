// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/resample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <vector>

#include "core/base/error.h"
#include "cuda/ops/resample_kernel.cuh"
#include "tests/support/devices.h"
#include "tests/support/host_context.h"

namespace consilium {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

// float has 24 bits: seven interpolations, a rescale and a normalisation each round once, and positions are rounded
// to float relative to their voxel. 1e-5 of the largest value is some 80 units in the last place.
constexpr double kTolerance = 1e-5;

constexpr double kBad = std::numeric_limits<double>::quiet_NaN();

// A stored image that is linear in space: physical value = 2 i - 3 j + 5 k, whatever slope each slice has.
struct Ramp {
  explicit Ramp(Size3 s) : size(s) {
    for (std::int64_t k = 0; k < s.z; ++k) {
      slope.push_back(k % 2 == 0 ? 0.5F : 0.25F);
      intercept.push_back(static_cast<float>(5 * k + 1));
      for (std::int64_t j = 0; j < s.y; ++j) {
        for (std::int64_t i = 0; i < s.x; ++i) {
          const double stored = static_cast<double>(2 * i - 3 * j - 1) / static_cast<double>(slope.back());
          voxels.push_back(static_cast<std::int16_t>(std::lround(stored)));
        }
      }
    }
  }
  ResampleInput Input() const { return {size, voxels, slope, intercept}; }
  static double At(double i, double j, double k) { return 2 * i - 3 * j + 5 * k; }

  Size3 size;
  std::vector<std::int16_t> voxels;
  std::vector<float> slope, intercept;
};

Vec3 Apply(const IndexAffine& a, std::int64_t i, std::int64_t j, std::int64_t k) {
  const auto row = [&](std::size_t r) {
    return a.m[r] * static_cast<double>(i) + a.m[r + 1] * static_cast<double>(j) + a.m[r + 2] * static_cast<double>(k) +
           a.m[r + 3];
  };
  return {row(0), row(4), row(8)};
}

// Every output voxel of a ramp is known: linear inside, the edge voxel's value in the outer half voxel.
void ExpectRamp(const Ramp& ramp, const ResamplePlan& plan, Device device) {
  const std::vector<float> got = Resample(ramp.Input(), plan, device);
  const Size3 n = plan.output_size;
  std::size_t at = 0;
  int inside = 0;
  for (std::int64_t k = 0; k < n.z; ++k) {
    for (std::int64_t j = 0; j < n.y; ++j) {
      for (std::int64_t i = 0; i < n.x; ++i, ++at) {
        const Vec3 p = Apply(plan.output_to_input, i, j, k);
        const auto last = Vec3{static_cast<double>(ramp.size.x - 1), static_cast<double>(ramp.size.y - 1),
                               static_cast<double>(ramp.size.z - 1)};
        const double margin =
            std::min({p.x + 0.5, last.x + 0.5 - p.x, p.y + 0.5, last.y + 0.5 - p.y, p.z + 0.5, last.z + 0.5 - p.z});
        if (std::fabs(margin) < 1e-9) continue;  // on the border itself, rounding decides
        const double expected = margin > 0 ? Ramp::At(std::clamp(p.x, 0.0, last.x), std::clamp(p.y, 0.0, last.y),
                                                      std::clamp(p.z, 0.0, last.z))
                                           : plan.outside;
        inside += margin > 0 ? 1 : 0;
        ASSERT_NEAR(static_cast<double>(got[at]), expected, 100 * kTolerance) << i << " " << j << " " << k;
      }
    }
  }
  EXPECT_GT(inside, 100);
}

class ResampleOn : public testing::TestWithParam<Device> {};

TEST_P(ResampleOn, IdentityGivesThePhysicalValues) {
  const Ramp ramp({7, 6, 5});
  ExpectRamp(ramp, {.output_size = ramp.size, .outside = -1}, GetParam());
}

TEST_P(ResampleOn, LinearRampOnParallelGrids) {
  const Ramp ramp({23, 19, 17});
  const IndexAffine finer{{0.37, 0, 0, -1.2, 0, 0.61, 0, -0.4, 0, 0, 0.53, -2.1}};
  ExpectRamp(ramp, {.output_size = {70, 33, 41}, .output_to_input = finer, .outside = -777}, GetParam());
  const IndexAffine flipped{{-1.7, 0, 0, 23.1, 0, 1.3, 0, -1.01, 0, 0, -0.9, 16.2}};
  ExpectRamp(ramp, {.output_size = {16, 17, 20}, .output_to_input = flipped, .outside = -777}, GetParam());
}

TEST_P(ResampleOn, LinearRampOnRotatedGrids) {
  const Ramp ramp({23, 19, 17});
  const double c = std::cos(std::numbers::pi / 7);
  const double s = std::sin(std::numbers::pi / 7);
  const IndexAffine turned{{0.8 * c, -0.8 * s, 0.05, 3, 0.8 * s, 0.8 * c, 0.1, -4, -0.02, 0.03, 0.7, 0.5}};
  ExpectRamp(ramp, {.output_size = {30, 29, 28}, .output_to_input = turned, .outside = 12345}, GetParam());
}

TEST_P(ResampleOn, ParallelAndGeneralWayAgreeToTheBit) {
  const Ramp ramp({23, 19, 17});
  IndexAffine a{{0.37, 0, 0, -1.2, 0, 0.61, 0, -0.4, 0, 0, 0.53, -2.1}};
  ResamplePlan plan{.output_size = {70, 33, 41}, .output_to_input = a, .outside = -777};
  const std::vector<float> parallel = Resample(ramp.Input(), plan, GetParam());
  plan.output_to_input.m[1] = 1e-300;  // not zero, yet too small to move anything
  EXPECT_EQ(Resample(ramp.Input(), plan, GetParam()), parallel);
}

TEST_P(ResampleOn, OneVoxelAndOneSliceAreImagesToo) {
  const std::vector<std::int16_t> voxels = {-32768, 32767};
  const std::vector<float> slope = {1}, intercept = {0};
  const ResamplePlan plan{
      .output_size = {5, 1, 1}, .output_to_input = {{0.5, 0, 0, -0.75, 0, 1, 0, 0, 0, 0, 1, 0.25}}, .outside = 9};
  const std::vector<float> got = Resample({{2, 1, 1}, voxels, slope, intercept}, plan, GetParam());
  EXPECT_EQ(got, (std::vector<float>{9, -32768, -16384.25F, 16383.25F, 32767}));
}

TEST_P(ResampleOn, NormalisationClipsThenScales) {
  const std::vector<std::int16_t> voxels = {-2000, -832, 108, 394, 1128, 3000};
  const std::vector<float> slope = {1}, intercept = {0};
  const ResamplePlan plan{
      .output_size = {7, 1, 1}, .normalisation = {.low = -832, .high = 1128, .mean = 108, .sd = 286}, .outside = -1024};
  const std::vector<float> got = Resample({{6, 1, 1}, voxels, slope, intercept}, plan, GetParam());
  const std::vector<double> expected = {-940.0 / 286, -940.0 / 286, 0, 1, 1020.0 / 286, 1020.0 / 286, -940.0 / 286};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(static_cast<double>(got[i]), expected[i], kTolerance);
}

TEST_P(ResampleOn, EntirelyOutsideIsAllOutside) {
  const Ramp ramp({4, 4, 4});
  const IndexAffine far{{1, 0, 0, 1e12, 0, 1, 0, 0, 0, 0, 1, -1e12}};
  EXPECT_THAT(Resample(ramp.Input(), {.output_size = {9, 8, 7}, .output_to_input = far, .outside = -1024}, GetParam()),
              Each(-1024.0F));
}

// scipy.ndimage.map_coordinates on a PET-like image: tools/oracles/resample.py.
TEST_P(ResampleOn, AgreesWithScipy) {
  std::ifstream in(CONSILIUM_TESTS "/cuda/oracles/resample.json");
  const auto oracle = nlohmann::json::parse(in);
  const auto edge = oracle.at("size").get<std::array<std::int64_t, 3>>();
  const auto voxels = oracle.at("voxels").get<std::vector<std::int16_t>>();
  const auto slope = oracle.at("slope").get<std::vector<float>>();
  const auto intercept = oracle.at("intercept").get<std::vector<float>>();
  int compared = 0;
  for (const auto& c : oracle.at("cases")) {
    const auto out = c.at("output_size").get<std::array<std::int64_t, 3>>();
    const auto& n = c.at("normalisation");
    const ResamplePlan plan{.output_size = {out[0], out[1], out[2]},
                            .output_to_input = {c.at("affine").get<std::array<double, 12>>()},
                            .normalisation = {n.at("low"), n.at("high"), n.at("mean"), n.at("sd")},
                            .outside = c.at("outside")};
    const std::vector<float> got = Resample({{edge[0], edge[1], edge[2]}, voxels, slope, intercept}, plan, GetParam());
    ASSERT_EQ(got.size(), c.at("expected").size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (c.at("expected")[i].is_null()) continue;
      const double expected = c.at("expected")[i];
      ASSERT_NEAR(static_cast<double>(got[i]), expected, kTolerance * std::max(1.0, std::fabs(expected))) << i;
      ++compared;
    }
  }
  EXPECT_GT(compared, 3000);
}

INSTANTIATE_TEST_SUITE_P(Devices, ResampleOn, testing::ValuesIn(AllDevices()), DeviceName);

TEST(ResampleInput, OutputToInputFollowsPointsInThePatient) {
  Geometry input{.size = {10, 10, 10}, .spacing_mm = {2, 3, 4}, .origin_mm = {-5, 7, 11}};
  input.direction = {{{0, 1, 0}, {-1, 0, 0}, {0, 0, -1}}};
  const Geometry output{.size = {8, 8, 8}, .spacing_mm = {1.5, 1.5, 1.5}, .origin_mm = {-20, 3, -9}};
  const IndexAffine a = OutputToInput(output, input);
  for (const Vec3 index : {Vec3{0, 0, 0}, Vec3{3, 0, 0}, Vec3{0, 5, 0}, Vec3{2, 4, 7}}) {
    const Vec3 got = Apply(a, static_cast<std::int64_t>(index.x), static_cast<std::int64_t>(index.y),
                           static_cast<std::int64_t>(index.z));
    const Vec3 expected = input.PointToIndex(output.IndexToPoint(index));
    EXPECT_NEAR(Norm(got - expected), 0, 1e-9);
  }
}

template <class Change>
std::string WordsOf(Change change) {
  const Ramp ramp({4, 3, 2});
  ResampleInput input = ramp.Input();
  ResamplePlan plan{.output_size = {2, 2, 2}};
  std::vector<float> output(8);
  change(input, plan, output);
  try {
    Resample(input, plan, output);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ResampleInput, WhatDoesNotFitIsRefusedWithWords) {
  EXPECT_EQ(WordsOf([](auto&, auto&, auto&) {}), "nothing was thrown");
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) { in.voxels = in.voxels.first(23); }),
              HasSubstr("23 voxels were given for a grid of 4 x 3 x 2"));
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) { in.slope = in.slope.first(1); }),
              HasSubstr("1 slopes and 2 intercepts were given for 2 slices"));
  EXPECT_THAT(WordsOf([](auto&, auto&, auto& out) { out.pop_back(); }), HasSubstr("room for 7 numbers"));
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) { in.size.y = 0; }), HasSubstr("the input grid is 4 x 0 x 2"));
  EXPECT_THAT(WordsOf([](auto&, auto& plan, auto&) {
                plan.output_size = {3037000500, 3037000500, 2};
              }),
              HasSubstr("at most 2^33"));
  EXPECT_THAT(WordsOf([](auto&, auto& plan, auto&) { plan.output_to_input.m[3] = kBad; }), HasSubstr("affine"));
  EXPECT_THAT(WordsOf([](auto&, auto& plan, auto&) { plan.normalisation.sd = 0; }), HasSubstr("sd must be"));
  EXPECT_THAT(WordsOf([](auto&, auto& plan, auto&) { plan.normalisation.low = plan.normalisation.high; }),
              HasSubstr("lower clip"));
  EXPECT_THAT(WordsOf([](auto&, auto& plan, auto&) { plan.outside = kBad; }), HasSubstr("outside the image"));
}

// The kernel's body without a GPU: tests/support/host_context.h.
class ResampleKernelIn : public testing::TestWithParam<HostOrder> {};

TEST_P(ResampleKernelIn, SameBitsAsTheProcessor) {
  const Ramp ramp({13, 11, 9});
  const std::vector<IndexAffine> affines = {
      {{0.37, 0, 0, -1.2, 0, 0.61, 0, -0.4, 0, 0, 0.53, -2.1}},
      {{0.72, -0.34, 0.05, 1, 0.35, 0.72, 0.1, -1, -0.02, 0.03, 0.7, 0.5}},
  };
  for (const IndexAffine& affine : affines) {
    const ResamplePlan plan{.output_size = {21, 10, 7},
                            .output_to_input = affine,
                            .normalisation = {.low = -20, .high = 40, .mean = 3, .sd = 7},
                            .outside = -1024};
    const std::vector<float> expected = Resample(ramp.Input(), plan);
    // What Resample() hands to a device, written out: the test would see a slip there too.
    ConsiliumResample what{13, 11, 9, 21, 10, 7, {}, -20, 40, 1.0F / 7, -3.0F / 7, 0};
    std::ranges::copy(affine.m, what.m);
    what.outside = std::fma(-20.0F, what.scale, what.shift);
    std::vector<float> output(expected.size(), 4711);
    const bool threads = GetParam() == HostOrder::kThreads;
    RunOnHost({.grid = {1, 2, 2},  // too few for the image along x and y: every thread takes several turns
               .block = threads ? Index3{8, 2, 2} : ResampleKernel::kBlock,
               .order = GetParam()},
              [&](HostContext& context) {
                ResampleKernel::Run(context, what, ramp.voxels.data(), ramp.slope.data(), ramp.intercept.data(),
                                    output.data());
              });
    for (std::size_t i = 0; i < output.size(); ++i) ASSERT_FLOAT_EQ(output[i], expected[i]) << i;
    EXPECT_EQ(output, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, ResampleKernelIn, testing::ValuesIn(HostOrders()), testing::PrintToStringParamName());

}  // namespace
}  // namespace consilium
