// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/base/error.h"
#include "learning/compute.h"
#include "learning/patch_sampler.h"
#include "learning/step_memory.h"
#include "learning/tiles.h"
#include "tests/learning/oracle.h"
#include "tests/learning/toy_samples.h"

namespace consilium {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Tiles, CornersAreNnUNets) {
  const test::Oracle oracle("sliding_window.safetensors");
  struct Case {
    std::int64_t size, tile;
    double step;
    const char* name;
  };
  for (const Case& c :
       {Case{110, 64, 0.5, "110/64/0.5"}, Case{64, 64, 0.5, "64/64/0.5"}, Case{65, 64, 0.5, "65/64/0.5"},
        Case{200, 48, 0.5, "200/48/0.5"}, Case{91, 32, 0.75, "91/32/0.75"}, Case{77, 16, 0.3, "77/16/0.3"}}) {
    std::vector<std::int64_t> expected;
    for (const float v : oracle.Values(std::string("corners/") + c.name)) expected.push_back(std::lround(v));
    EXPECT_EQ(TileCorners(c.size, c.tile, 1 - c.step), expected) << c.name;
  }
}

TEST(Tiles, WeightsAreNnUNets) {
  const test::Oracle oracle("sliding_window.safetensors");
  for (const std::int64_t tile : {16, 48}) {
    const auto expected = oracle.Values("gaussian/" + std::to_string(tile)), weights = TileWeights(tile);
    ASSERT_EQ(weights.size(), expected.size());
    for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(weights[i], expected[i], 1e-6) << tile << " " << i;
  }
}

TEST(Tiles, TheSumOfWeightsIsPositiveEverywhere) {
  const auto sum = SumOfTileWeights(77, 16, TileCorners(77, 16, 0.5));
  EXPECT_EQ(sum.size(), 77u);
  for (const float value : sum) EXPECT_GT(value, 1e-5F);
}

TEST(Sampler, DrawsAreAFunctionOfSeedAndStep) {
  const auto samples = test::ToySamples(4);
  TrainPlan plan;
  plan.patch = 16;
  const PatchSampler a(samples, plan), b(samples, plan);
  EXPECT_EQ(a.Draw(1, 5), b.Draw(1, 5));
  EXPECT_NE(a.Draw(1, 5), a.Draw(1, 6));
  EXPECT_NE(a.Draw(1, 5), a.Draw(2, 5));
}

TEST(Sampler, TheSecondPatchOfTwoHoldsTumourAndTheRestLieInside) {
  const auto samples = test::ToySamples(2);
  TrainPlan plan;
  plan.patch = 8;
  const PatchSampler sampler(samples, plan);
  std::set<std::size_t> seen;
  int flips = 0;
  for (std::int64_t step = 0; step < 200; ++step) {
    const auto choices = sampler.Draw(3, step);
    ASSERT_EQ(choices.size(), 2u);
    const auto& [x, y, z] = choices[0].corner;
    EXPECT_TRUE(x >= 0 && x <= 16 && y >= 0 && y <= 14 && z >= 0 && z <= 12);
    const Sample& forced = samples[choices[1].sample];
    std::int64_t tumour = 0;
    for (std::int64_t k = 0; k < 8; ++k) {
      for (std::int64_t j = 0; j < 8; ++j) {
        for (std::int64_t i = 0; i < 8; ++i) {
          const auto& corner = choices[1].corner;
          const std::int64_t p = corner[0] + i, q = corner[1] + j, r = corner[2] + k;
          if (p >= 24 || q >= 22 || r >= 20) continue;
          tumour += forced.label[static_cast<std::size_t>(forced.grid.Offset(p, q, r))];
        }
      }
    }
    EXPECT_GT(tumour, 0) << step;
    seen.insert(choices[0].sample);
    for (const bool flip : choices[0].flip) flips += flip ? 1 : 0;
  }
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_NEAR(flips, 300, 60);
}

TEST(Sampler, ASmallSampleLiesInTheMiddleOfItsPatch) {
  const std::vector<Sample> samples = {test::ToySample(1, {13, 16, 16}, false)};
  TrainPlan plan;
  plan.patch = 16;
  const PatchSampler sampler(samples, plan);
  for (std::int64_t step = 0; step < 50; ++step) {
    for (const auto& choice : sampler.Draw(1, step)) {
      EXPECT_TRUE(choice.corner[0] == -2 || choice.corner[0] == -1) << choice.corner[0];
      EXPECT_EQ(choice.corner[1], 0);
    }
  }
}

// The choice is a pure function of what is asked, the kind of device and processor features.
TEST(Precision, IsAFunctionOfFeaturesOnly) {
  const auto choose = [](const char* asked, DeviceKind kind, bool avx, bool amx, bool gpu) {
    return Name(ChoosePrecision(asked, kind, {.avx512_bf16 = avx, .amx_bf16 = amx, .gpu_bf16 = gpu}));
  };
  for (int repeat = 0; repeat < 2; ++repeat) {
    EXPECT_EQ(choose("auto", DeviceKind::kCpu, false, false, true), "float32");
    EXPECT_EQ(choose("auto", DeviceKind::kCpu, true, false, false), "bfloat16");
    EXPECT_EQ(choose("auto", DeviceKind::kCpu, false, true, false), "bfloat16");
    EXPECT_EQ(choose("auto", DeviceKind::kCuda, true, true, false), "float32");
    EXPECT_EQ(choose("auto", DeviceKind::kCuda, false, false, true), "bfloat16");
    EXPECT_EQ(choose("float32", DeviceKind::kCpu, true, true, true), "float32");
    EXPECT_EQ(choose("bfloat16", DeviceKind::kCpu, false, false, false), "bfloat16");
  }
  EXPECT_EQ(ReadProcessorFeatures(), ReadProcessorFeatures());
  EXPECT_THROW(choose("fast", DeviceKind::kCpu, true, true, true), Error);
}

TEST(Memory, GrowsWithThePatchAndSaysWhatWouldFit) {
  const NetworkSpec network{.features = {8, 16, 32}};
  const StepSize step{64, 2, Precision::kFloat32, true};
  StepSize half = step, single = step;
  half.patch = 32;
  single.batch = 1;
  EXPECT_NEAR(double(EstimateStepBytes(network, step)) / double(EstimateStepBytes(network, half)), 8, 0.01);
  EXPECT_NEAR(double(EstimateStepBytes(network, step)) / double(EstimateStepBytes(network, single)), 2, 0.01);
  const std::int64_t room = EstimateStepBytes(network, half) + 1000;
  EXPECT_NO_THROW(RequireMemory(network, half, room));
  EXPECT_NO_THROW(RequireMemory(network, step, -1));
  try {
    RequireMemory(network, step, room);
    FAIL() << "fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("a patch of 64 with batch 2 needs about"), HasSubstr("are free"),
                      HasSubstr("A patch of 32 with batch 2, or a patch of 40 with batch 1, would fit.")));
  }
  EXPECT_THAT(WordsAboutMemory(network, step, 10), HasSubstr("Not even the smallest patch"));
  EXPECT_GT(FreeBytes({}), 0);
}

}  // namespace
}  // namespace consilium
