// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/argmax_resample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "core/base/error.h"
#include "cuda/ops/argmax_resample_kernel.cuh"
#include "tests/support/devices.h"
#include "tests/support/host_context.h"

namespace consilium {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Scores {
  Size3 size;
  std::int64_t classes;
  std::vector<float> values;
  ClassScores View() const { return {size, classes, values}; }
  double At(std::int64_t c, std::int64_t x, std::int64_t y, std::int64_t z) const {
    return static_cast<double>(values[static_cast<std::size_t>(x + size.x * (y + size.y * (z + size.z * c)))]);
  }
};

// Each class is a blob somewhere, as a network's scores are, plus noise. With noise alone every class competes
// everywhere; with `whole` scores are whole numbers and ties are many.
Scores Blobs(Size3 size, std::int64_t classes, double height, double noise, unsigned seed, bool whole = false) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> place(0, 1), jitter(-noise, noise);
  Scores scores{size, classes, {}};
  for (std::int64_t c = 0; c < classes; ++c) {
    const double cx = place(random) * double(size.x), cy = place(random) * double(size.y),
                 cz = place(random) * double(size.z);
    for (std::int64_t k = 0; k < size.z; ++k) {
      for (std::int64_t j = 0; j < size.y; ++j) {
        for (std::int64_t i = 0; i < size.x; ++i) {
          const double distance = std::hypot(double(i) - cx, double(j) - cy, double(k) - cz);
          const double value = height - 2 * distance + jitter(random);
          scores.values.push_back(static_cast<float>(whole ? std::round(value) : value));
        }
      }
    }
  }
  return scores;
}

// One voxel by the definition, in double: every class, and by how much the best is ahead of the second; 0 where
// rounding decides.
struct Asked {
  bool inside = false;
  int label = 0;
  double margin = std::numeric_limits<double>::infinity();
};

Asked ByDefinition(const Scores& s, const IndexAffine& affine, std::int64_t i, std::int64_t j, std::int64_t k) {
  const std::int64_t n[3] = {s.size.x, s.size.y, s.size.z};
  std::int64_t low[3], high[3];
  double t[3];
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double* m = affine.m.data() + 4 * axis;
    double p = m[0] * double(i) + m[1] * double(j) + m[2] * double(k) + m[3];
    const auto last = static_cast<double>(n[axis] - 1);
    if (std::fabs(std::fabs(p - last / 2) - (last + 1) / 2) < 1e-9) return {.margin = 0};  // on the border itself
    if (p < -0.5 || p > last + 0.5) return {};
    p = std::clamp(p, 0.0, last);
    low[axis] = static_cast<std::int64_t>(std::floor(p));
    high[axis] = std::min(low[axis] + 1, n[axis] - 1);
    t[axis] = p - std::floor(p);
  }
  Asked asked{.inside = true};
  double best = -std::numeric_limits<double>::infinity();
  for (std::int64_t c = 0; c < s.classes; ++c) {
    double score = 0;
    for (int corner = 0; corner < 8; ++corner) {
      const bool x = (corner & 1) != 0, y = (corner & 2) != 0, z = (corner & 4) != 0;
      score += (x ? t[0] : 1 - t[0]) * (y ? t[1] : 1 - t[1]) * (z ? t[2] : 1 - t[2]) *
               s.At(c, x ? high[0] : low[0], y ? high[1] : low[1], z ? high[2] : low[2]);
    }
    asked.margin = score > best ? score - best : std::min(asked.margin, best - score);
    if (score > best) {
      best = score;
      asked.label = static_cast<int>(c);
    }
  }
  return asked;
}

struct Case {
  Size3 size, output;
  std::int64_t classes;
  IndexAffine affine;
};

// Finer, coarser, flipped and beyond the edges, turned, thin.
std::vector<Case> Cases() {
  return {{{19, 17, 13}, {31, 26, 20}, 9, ResizeAffine({31, 26, 20}, {19, 17, 13})},
          {{21, 9, 8}, {10, 7, 3}, 4, ResizeAffine({10, 7, 3}, {21, 9, 8})},
          {{12, 11, 9}, {25, 14, 16}, 6, {{-0.57, 0, 0, 12.1, 0, 0.9, 0, -1.3, 0, 0, -0.6, 8.9}}},
          {{16, 16, 10}, {20, 19, 15}, 5, {{0.6, -0.4, 0.1, 3, 0.4, 0.6, -0.2, -1, -0.05, 0.1, 0.6, 0.4}}},
          {{40, 1, 1}, {97, 2, 1}, 3, ResizeAffine({97, 2, 1}, {40, 1, 1})},
          {{1, 1, 1}, {3, 2, 4}, 2, ResizeAffine({3, 2, 4}, {1, 1, 1})}};
}

class ArgmaxOn : public testing::TestWithParam<Device> {};

TEST_P(ArgmaxOn, EqualsTheDefinitionWhereItIsNotATie) {
  for (const double noise : {0.3, 4.0, 100.0}) {
    for (const Case& c : Cases()) {
      const Scores scores = Blobs(c.size, c.classes, 10, noise, 7);
      const std::vector<std::uint8_t> got = ArgmaxResample(scores.View(), {c.output, c.affine, 200}, GetParam());
      std::size_t n = 0;
      int ties = 0;
      for (std::int64_t k = 0; k < c.output.z; ++k) {
        for (std::int64_t j = 0; j < c.output.y; ++j) {
          for (std::int64_t i = 0; i < c.output.x; ++i, ++n) {
            const Asked asked = ByDefinition(scores, c.affine, i, j, k);
            ties += asked.margin < 1e-4 ? 1 : 0;
            if (asked.margin < 1e-4) continue;
            ASSERT_EQ(got[n], asked.inside ? asked.label : 200) << noise << " " << i << " " << j << " " << k;
          }
        }
      }
      EXPECT_LE(ties, c.output.count() / 20);
    }
  }
}

TEST_P(ArgmaxOn, OfEqualScoresTheLowestClassWins) {
  const Scores scores{{2, 1, 1}, 4, {1, 0, 5, 5, 5, 5, 5, 6}};
  EXPECT_THAT(ArgmaxResample(scores.View(), {{2, 1, 1}}, GetParam()), ElementsAre(1, 3));
  // A quarter of the way the last class is ahead already; at the first voxel itself it is not.
  EXPECT_THAT(ArgmaxResample(scores.View(), {{3, 1, 1}, {{0.25, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}}}, GetParam()),
              ElementsAre(1, 3, 3));
}

TEST_P(ArgmaxOn, AByteHolds256Classes) {
  Scores scores{{1, 1, 2}, 256, std::vector<float>(512)};
  scores.values[2 * 255] = 1;
  scores.values[2 * 100 + 1] = 1;
  EXPECT_THAT(ArgmaxResample(scores.View(), {{1, 1, 2}}, GetParam()), ElementsAre(255, 100));
  const Scores one{{3, 2, 1}, 1, std::vector<float>(6, -5)};
  EXPECT_THAT(ArgmaxResample(one.View(), {{3, 2, 1}, {}, 9}, GetParam()), Each(0));
}

TEST_P(ArgmaxOn, FarOutsideIsOutside) {
  const Scores scores = Blobs({4, 4, 4}, 3, 10, 1, 3);
  const IndexAffine far{{1, 0, 0, 1e12, 0, 1, 0, 0, 0, 0, 1, -1e12}};
  EXPECT_THAT(ArgmaxResample(scores.View(), {{5, 4, 3}, far, 7}, GetParam()), Each(7));
}

// What is no number has no right answer, but it has one.
TEST_P(ArgmaxOn, ScoresThatAreNoNumbersHarmNobody) {
  Scores scores = Blobs({9, 8, 7}, 3, 10, 1, 3);
  for (std::size_t n = 0; n < scores.values.size(); n += 5) {
    scores.values[n] = n % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  }
  for (const std::uint8_t label :
       ArgmaxResample(scores.View(), {{15, 14, 13}, ResizeAffine({15, 14, 13}, scores.size)}, GetParam())) {
    ASSERT_LT(label, 3);
  }
  std::ranges::fill(scores.values, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(ArgmaxResample(scores.View(), {{4, 4, 4}}, GetParam()), Each(0));
}

// nnU-Net's resample_data_or_seg_to_shape and argmax: tools/oracles/argmax_resample.py.
TEST_P(ArgmaxOn, AgreesWithNnUNet) {
  std::ifstream in(CONSILIUM_TESTS "/cuda/oracles/argmax_resample.json");
  const auto oracle = nlohmann::json::parse(in);
  int compared = 0;
  for (const auto& c : oracle.at("cases")) {
    const auto size = c.at("size").get<std::array<std::int64_t, 3>>();
    const auto out = c.at("output_size").get<std::array<std::int64_t, 3>>();
    const Scores scores{{size[0], size[1], size[2]}, c.at("classes"), c.at("scores").get<std::vector<float>>()};
    const Size3 output{out[0], out[1], out[2]};
    const std::vector<std::uint8_t> got =
        ArgmaxResample(scores.View(), {output, ResizeAffine(output, scores.size)}, GetParam());
    ASSERT_EQ(got.size(), c.at("labels").size());
    for (std::size_t n = 0; n < got.size(); ++n) {
      if (c.at("labels")[n].is_null()) continue;
      ASSERT_EQ(int{got[n]}, c.at("labels")[n].get<int>()) << n;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1200);
}

INSTANTIATE_TEST_SUITE_P(Devices, ArgmaxOn, testing::ValuesIn(AllDevices()), DeviceName);

TEST(ArgmaxInput, AResizeKeepsTheBox) {
  const IndexAffine a = ResizeAffine({30, 5, 8}, {10, 10, 8});
  // The first voxel's lower edge, -0.5, is that of both grids; so is the last one's upper edge.
  EXPECT_NEAR(a.m[0] * -0.5 + a.m[3], -0.5, 1e-12);
  EXPECT_NEAR(a.m[0] * 29.5 + a.m[3], 9.5, 1e-12);
  EXPECT_NEAR(a.m[5] * 4.5 + a.m[7], 9.5, 1e-12);
  EXPECT_EQ(a.m[10], 1);
  EXPECT_EQ(a.m[11], 0);
}

template <class Change>
std::string WordsOf(Change change) {
  Scores scores{{4, 3, 2}, 2, std::vector<float>(48)};
  ArgmaxPlan plan{.output_size = {2, 2, 2}};
  std::vector<std::uint8_t> labels(8);
  change(scores, plan, labels);
  try {
    ArgmaxResample(scores.View(), plan, labels);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ArgmaxInput, WhatDoesNotFitIsRefusedWithWords) {
  EXPECT_EQ(WordsOf([](auto&, auto&, auto&) {}), "nothing was thrown");
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) { in.values.pop_back(); }),
              HasSubstr("47 scores were given for 2 classes on a grid of 4 x 3 x 2"));
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) { in.size.z = 0; }), HasSubstr("grid of the scores is 4 x 3 x 0"));
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) { in.classes = 257; }), HasSubstr("257 classes"));
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) { in.classes = 0; }), HasSubstr("there may be 1 to 256"));
  EXPECT_THAT(WordsOf([](auto& in, auto&, auto&) {
                in.size = {1 << 16, 1 << 15, 1};
              }),
              HasSubstr("more than 2^32 scores"));
  EXPECT_THAT(WordsOf([](auto&, auto& plan, auto&) { plan.output_size.x = -1; }), HasSubstr("output grid is -1 x 2"));
  EXPECT_THAT(WordsOf([](auto&, auto& plan, auto&) { plan.output_to_input.m[7] = std::nan(""); }), HasSubstr("affine"));
  EXPECT_THAT(WordsOf([](auto&, auto&, auto& labels) { labels.pop_back(); }), HasSubstr("room for 7 labels"));
}

// The kernel's body without a GPU: tests/support/host_context.h. It asks every class of every voxel, so it judges the
// processor's shortcut as well: no tolerance.
class ArgmaxKernelIn : public testing::TestWithParam<HostOrder> {};

TEST_P(ArgmaxKernelIn, SameLabelsAsTheProcessor) {
  const bool threads = GetParam() == HostOrder::kThreads;
  const std::vector<Case> cases = Cases();
  for (const bool whole : {false, true}) {
    for (const Case& c : {cases[0], cases[2], cases[3]}) {
      const Scores scores = Blobs(c.size, c.classes, 8, 3, 11, whole);
      ConsiliumArgmax what{c.classes, c.size.x, c.size.y, c.size.z, c.output.x, c.output.y, c.output.z, {}, 3};
      std::ranges::copy(c.affine.m, what.m);
      std::vector<std::uint8_t> labels(static_cast<std::size_t>(c.output.count()), 99);
      RunOnHost(
          {.grid = {1, 2, 2},  // too few for the image: every thread takes several turns
           .block = threads ? Index3{8, 2, 2} : ArgmaxResampleKernel::kBlock,
           .order = GetParam()},
          [&](HostContext& context) { ArgmaxResampleKernel::Run(context, what, scores.values.data(), labels.data()); });
      EXPECT_EQ(labels, ArgmaxResample(scores.View(), {c.output, c.affine, 3}));
    }
  }
}

// A blend never leaves its two ends but where a share rounds to 1: then a + (b - a) may pass b by the rounding of b -
// a.
TEST_P(ArgmaxKernelIn, RoundingNeverDropsAWinner) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> near(1, 2), far(-1e4F, 1e4F);
  int passed = 0;
  for (int n = 0; n < 300; ++n) {
    const float level = near(random), below = std::nextafter(level, 0.0F);
    const Scores scores{{2, 1, 1}, 2, {level, level, far(random), below}};
    const ConsiliumArgmax what{2, 2, 1, 1, 1, 1, 1, {1, 0, 0, 1 - 1e-9, 0, 1, 0, 0, 0, 0, 1, 0}, 0};
    std::uint8_t label = 99;
    RunOnHost({.grid = {1, 1, 1}, .block = {1, 1, 1}, .order = GetParam()},
              [&](HostContext& context) { ArgmaxResampleKernel::Run(context, what, scores.values.data(), &label); });
    passed += label;
    const ArgmaxPlan plan{{1, 1, 1}, {{1, 0, 0, 1 - 1e-9, 0, 1, 0, 0, 0, 0, 1, 0}}};
    ASSERT_EQ(int{label}, int{ArgmaxResample(scores.View(), plan)[0]}) << n;
  }
  EXPECT_GT(passed, 50);
}

INSTANTIATE_TEST_SUITE_P(Orders, ArgmaxKernelIn, testing::ValuesIn(HostOrders()), testing::PrintToStringParamName());

}  // namespace
}  // namespace consilium
