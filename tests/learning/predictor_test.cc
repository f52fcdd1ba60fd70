// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/predictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "learning/evaluate.h"
#include "tests/learning/oracle.h"
#include "tests/learning/toy_samples.h"

namespace consilium {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A plan whose air is the oracle's: channel padding = (value - mean) / sd.
PrepPlan OraclePrep() {
  PrepPlan prep;
  prep.pet_low = -100, prep.pet_high = 100, prep.pet_mean = 0, prep.pet_sd = 1, prep.pet_outside = -1.25;
  prep.ct_low = -100, prep.ct_high = 100, prep.ct_mean = 0, prep.ct_sd = 1, prep.ct_outside = -3.5;
  return prep;
}

Sample OracleSample(const test::Oracle& oracle) {
  return {CaseId("a"), test::GridOf({11, 19, 21}), 2, oracle.Values("image"), {}};
}

TEST(Predictor, IsNnUNetsSlidingWindow) {
  const test::Oracle oracle("sliding_window.safetensors"), network("network.safetensors");
  ASSERT_FLOAT_EQ(OraclePrep().PetPadding(), oracle.Values("air")[0]);
  ASSERT_FLOAT_EQ(OraclePrep().CtPadding(), oracle.Values("air")[1]);
  Predictor predictor(test::OracleNetwork(), OraclePrep(), network.Network(test::OracleNetwork()),
                      {.threads = 2, .precision = "float32"});
  const Sample sample = OracleSample(oracle);
  const ProbabilityMap map = predictor.Predict(sample, {.patch = 16});
  EXPECT_EQ(map.grid, sample.grid);
  const auto& expected = oracle.Values("probability");
  ASSERT_EQ(map.tumour.size(), expected.size());
  float largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) largest = std::max(largest, std::abs(map.tumour[i] - expected[i]));
  EXPECT_LT(largest, 1e-5F);
}

TEST(Predictor, PaddingIsAirNotZero) {
  const test::Oracle oracle("sliding_window.safetensors"), network("network.safetensors");
  Predictor air(test::OracleNetwork(), OraclePrep(), network.Network(test::OracleNetwork()),
                {.threads = 2, .precision = "float32"});
  PrepPlan water = OraclePrep();
  water.ct_outside = 0;
  Predictor other(test::OracleNetwork(), water, network.Network(test::OracleNetwork()),
                  {.threads = 2, .precision = "float32"});
  const Sample sample = OracleSample(oracle);
  EXPECT_NE(air.Predict(sample, {.patch = 16}).tumour, other.Predict(sample, {.patch = 16}).tumour);
}

TEST(Predictor, SameInputGivesTheSameBits) {
  const Parameters parameters = InitialParameters(test::OracleNetwork(), 3);
  const Sample sample = test::ToySample(1);
  Predictor a(test::OracleNetwork(), {}, parameters, {.threads = 2}),
      b(test::OracleNetwork(), {}, parameters, {.threads = 2});
  EXPECT_EQ(a.Predict(sample, {.patch = 16}).tumour, b.Predict(sample, {.patch = 16}).tumour);
}

// Averaged over all flips, the prediction of a flipped patient is the flipped prediction; without, it is not.
TEST(Predictor, MirroringMakesItBlindToFlips) {
  Predictor predictor(test::OracleNetwork(), {}, InitialParameters(test::OracleNetwork(), 3),
                      {.threads = 2, .precision = "float32"});
  const Sample sample = test::ToySample(1, {16, 16, 16});
  Sample flipped = sample;
  std::vector<float> image(sample.image.size());
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = sample.image[i ^ 15];  // x runs the other way
  flipped.image = std::move(image);
  const auto largest = [&](bool mirror) {
    const auto a = predictor.Predict(sample, {.patch = 16, .mirror = mirror}).tumour,
               b = predictor.Predict(flipped, {.patch = 16, .mirror = mirror}).tumour;
    float difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference = std::max(difference, std::abs(a[i] - b[i ^ 15]));
    return difference;
  };
  EXPECT_LT(largest(true), 1e-5F);
  EXPECT_GT(largest(false), 1e-3F);
}

TEST(Predictor, StopsWithinOneTile) {
  std::stop_source stop;
  stop.request_stop();
  Predictor predictor(test::OracleNetwork(), {}, InitialParameters(test::OracleNetwork(), 3), {.threads = 2});
  try {
    predictor.Predict(test::ToySample(1), {.patch = 16}, stop.get_token());
    FAIL() << "did not stop";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    EXPECT_THAT(error.what(), HasSubstr("stopped"));
  }
}

TEST(Predictor, WhatDoesNotFitIsRefusedInWords) {
  const NetworkSpec spec = test::OracleNetwork();
  const auto words = [](const auto& f) {
    try {
      f();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(words([&] {
                Predictor(spec, {}, InitialParameters({.features = {3, 4, 5, 8}}, 1), {});
              }),
              AllOf(HasSubstr("does not fit its network"), HasSubstr("[8, 5, 3, 3, 3]"), HasSubstr("[6, 5, 3, 3, 3]")));
  Predictor predictor(spec, {}, InitialParameters(spec, 1), {.threads = 1});
  EXPECT_THAT(words([&] { predictor.Predict(test::ToySample(1), {.patch = 20}); }), HasSubstr("multiple of 8"));
  EXPECT_THAT(words([&] { predictor.Predict(test::ToySample(1), {.patch = 16, .overlap = 1}); }), HasSubstr("overlap"));
  EXPECT_THAT(words([&] { predictor.Predict(test::ToySample(1), {.patch = 8192}); }), HasSubstr("not enough memory"));
  Sample other = test::ToySample(1);
  other.channels = 1;
  EXPECT_THAT(words([&] { predictor.Predict(other, {.patch = 16}); }), HasSubstr("1 channels"));
  EXPECT_THAT(words([&] { Predictor(spec, {}, InitialParameters(spec, 1), {.precision = "half"}); }),
              HasSubstr("precision = \"half\" is not known"));
}

TEST(Evaluate, DiceByHand) {
  Sample sample{CaseId("a"), test::GridOf({4, 1, 1}), 2, {}, std::vector<std::uint8_t>{1, 1, 0, 0}};
  const auto dice = [&](std::vector<float> tumour) { return DiceOf({sample.grid, std::move(tumour)}, sample); };
  EXPECT_DOUBLE_EQ(dice({0.9F, 0.5F, 0.1F, 0.2F}), 1.0);
  EXPECT_DOUBLE_EQ(dice({0.9F, 0.4F, 0.6F, 0.2F}), 0.5);
  EXPECT_DOUBLE_EQ(dice({0, 0, 0, 0}), 0.0);
  sample.label = std::vector<std::uint8_t>{0, 0, 0, 0};
  EXPECT_DOUBLE_EQ(dice({0, 0, 0, 0}), 1.0);
  EXPECT_DOUBLE_EQ(dice({1, 0, 0, 0}), 0.0);
  sample.label = {};
  EXPECT_THROW(dice({1, 0, 0, 0}), Error);
}

}  // namespace
}  // namespace consilium
