// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/trainer.h"

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

const NetworkSpec kNetwork{.features = {8, 16, 16}};

TrainPlan SmallPlan(std::int64_t steps, const std::string& precision = "float32") {
  TrainPlan plan;
  plan.steps = steps;
  plan.patch = 16;
  plan.precision = precision;
  return plan;
}

template <class F>
Error ErrorOf(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::kInternal, "no error");
}

TrainOutcome TrainToys(const TrainPlan& plan, std::uint64_t seed, int threads = 2) {
  Trainer trainer(kNetwork, {}, {.threads = threads});
  return trainer.Train(InitialParameters(kNetwork, 1), {}, test::ToySamples(3), plan,
                       {.first_step = 0, .total_steps = plan.steps, .seed = seed});
}

// torch.optim.SGD with Nesterov momentum, weight decay, clip_grad_norm_ and PolyLRScheduler on nnU-Net's own network.
// One sample is exactly one patch, so that sampling has no choice.
TEST(Trainer, FiveStepsAreNnUNetsFiveSteps) {
  const test::Oracle oracle("sgd.safetensors"), first("network.safetensors");
  const NetworkSpec spec = test::OracleNetwork();
  TrainPlan plan;
  plan.steps = 5;
  plan.patch = 16;
  plan.batch = 2;
  plan.gradient_clip = 0.3;
  plan.mirror = false;
  plan.precision = "float32";
  plan.foreground_fraction = 0;
  Sample sample{CaseId("a"), test::GridOf({16, 16, 16}), 2, oracle.Values("image"), {}};
  std::vector<std::uint8_t> label;
  for (const float v : oracle.Values("label")) label.push_back(v > 0.5F ? 1 : 0);
  sample.label = std::move(label);
  Trainer trainer(spec, {}, {.threads = 2});
  const TrainOutcome outcome = trainer.Train(first.Network(spec), {}, std::vector<Sample>{sample}, plan,
                                             {.first_step = 0, .total_steps = 8, .seed = 1});
  const Parameters expected = oracle.Network(spec);
  EXPECT_LT(Difference(outcome.parameters, expected).Norm() / Difference(first.Network(spec), expected).Norm(), 1e-4);
  EXPECT_NEAR(outcome.mean_loss, oracle.Values("mean_loss")[0], 2e-6);
  EXPECT_EQ(outcome.precision, "float32");
  EXPECT_EQ(outcome.device, "cpu");
  EXPECT_EQ(outcome.threads, 2);
}

TEST(Trainer, SameSeedGivesTheSameBitsAndAnotherSeedDoesNot) {
  for (const std::string precision : {"float32", "bfloat16"}) {
    const TrainPlan plan = SmallPlan(4, precision);
    const TrainOutcome a = TrainToys(plan, 9), b = TrainToys(plan, 9), c = TrainToys(plan, 10);
    EXPECT_EQ(a.parameters, b.parameters) << precision;
    EXPECT_EQ(a.optimizer, b.optimizer) << precision;
    EXPECT_EQ(a.mean_loss, b.mean_loss) << precision;
    EXPECT_NE(a.parameters, c.parameters) << precision;
    EXPECT_EQ(a.precision, precision);
  }
}

// Rounds of one run: the momentum that the caller keeps makes two rounds of three steps one of six.
TEST(Trainer, TwoRoundsWithKeptMomentumAreOneLongRound) {
  const auto samples = test::ToySamples(3);
  Trainer trainer(kNetwork, {}, {.threads = 2});
  const Parameters start = InitialParameters(kNetwork, 1);
  const TrainOutcome whole = trainer.Train(start, {}, samples, SmallPlan(6), {0, 6, 4});
  const TrainOutcome half = trainer.Train(start, {}, samples, SmallPlan(3), {0, 6, 4});
  const TrainOutcome rest = trainer.Train(half.parameters, half.optimizer, samples, SmallPlan(3), {3, 6, 4});
  EXPECT_EQ(rest.parameters, whole.parameters);
  EXPECT_EQ(rest.optimizer, whole.optimizer);
  const TrainOutcome starved = trainer.Train(half.parameters, {}, samples, SmallPlan(3), {3, 6, 4});
  EXPECT_NE(starved.parameters, whole.parameters);
}

TEST(Trainer, LearnsToFindTheBall) {
  for (const std::string precision : {"float32", "auto"}) {
    const TrainOutcome outcome = TrainToys(SmallPlan(40, precision), 3);
    Predictor predictor(kNetwork, {}, outcome.parameters, {.threads = 2, .precision = precision});
    const DiceSummary dice = Evaluate(predictor, test::ToySamples(2, 500), {.patch = 16});
    EXPECT_GT(dice.Mean(), 0.8) << precision;
    EXPECT_EQ(dice.cases, 2);
  }
}

TEST(Trainer, StopsWithinOneStep) {
  std::stop_source stop;
  Trainer trainer(kNetwork, {}, {.threads = 2});
  std::int64_t last = 0;
  const Error error = ErrorOf([&] {
    trainer.Train(InitialParameters(kNetwork, 1), {}, test::ToySamples(1), SmallPlan(100000), {0, 100000, 1},
                  stop.get_token(), [&](const TrainProgress& progress) {
                    last = progress.step;
                    stop.request_stop();
                  });
  });
  EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  EXPECT_THAT(error.what(), HasSubstr("after " + std::to_string(last) + " steps"));
}

TEST(Trainer, ProgressEndsWithTheLastStepAndTheMeanLoss) {
  std::vector<TrainProgress> all;
  Trainer trainer(kNetwork, {}, {.threads = 2});
  const TrainOutcome outcome =
      trainer.Train(InitialParameters(kNetwork, 1), {}, test::ToySamples(1), SmallPlan(3), {0, 3, 1}, {},
                    [&](const TrainProgress& progress) { all.push_back(progress); });
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.back().step, 3);
  EXPECT_EQ(all.back().steps, 3);
  EXPECT_EQ(all.back().mean_loss, outcome.mean_loss);
}

TEST(Trainer, PatientsWithoutTumourTrainToo) {
  Trainer trainer(kNetwork, {}, {.threads = 2});
  const std::vector<Sample> samples = {test::ToySample(1, {24, 22, 20}, false)};
  const TrainOutcome outcome = trainer.Train(InitialParameters(kNetwork, 1), {}, samples, SmallPlan(5), {0, 5, 1});
  EXPECT_TRUE(std::isfinite(outcome.mean_loss));
  EXPECT_NE(outcome.parameters, InitialParameters(kNetwork, 1));
}

TEST(Trainer, WhatDoesNotFitIsRefusedInWords) {
  Trainer trainer(kNetwork, {}, {.threads = 2});
  const Parameters start = InitialParameters(kNetwork, 1);
  const auto samples = test::ToySamples(1);
  const auto train = [&](const Parameters& from, std::span<const Sample> on, TrainPlan plan) {
    return ErrorOf([&] { trainer.Train(from, {}, on, plan, {0, plan.steps, 1}); });
  };
  const Error wider = train(InitialParameters({.features = {8, 16, 24}}, 1), samples, SmallPlan(1));
  EXPECT_EQ(wider.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(wider.what(), AllOf(HasSubstr("another network"), HasSubstr("encoder.stages.2.0.convs.0.conv.weight"),
                                  HasSubstr("[24, 16, 3, 3, 3]"), HasSubstr("[16, 16, 3, 3, 3]")));
  TrainPlan odd = SmallPlan(1);
  odd.patch = 18;
  EXPECT_THAT(train(start, samples, odd).what(), AllOf(HasSubstr("patch = 18"), HasSubstr("multiple of 4")));
  EXPECT_THAT(train(start, {}, SmallPlan(1)).what(), HasSubstr("no sample"));
  std::vector<Sample> unlabelled = samples;
  unlabelled[0].label = {};
  EXPECT_THAT(train(start, unlabelled, SmallPlan(1)).what(), HasSubstr("sample 1 has 0 label voxels"));
  std::vector<Sample> cut = samples;
  cut[0].image = std::vector<float>(cut[0].image.size() - 1);
  EXPECT_THAT(train(start, cut, SmallPlan(1)).what(), HasSubstr("2 channels of 10560 voxels"));
  TrainPlan huge = SmallPlan(1);
  huge.patch = 512;
  huge.batch = 64;
  const Error memory = train(start, samples, huge);
  EXPECT_EQ(memory.code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(memory.what(), AllOf(HasSubstr("a patch of 512 with batch 64 needs about"), HasSubstr("would fit")));
}

TEST(Trainer, ALossThatIsNotFiniteIsAnError) {
  std::vector<Sample> samples = test::ToySamples(1);
  samples[0].image = std::vector<float>(samples[0].image.size(), std::nanf(""));
  Trainer trainer(kNetwork, {}, {.threads = 2});
  const Error error = ErrorOf([&] {
    trainer.Train(InitialParameters(kNetwork, 1), {}, samples, SmallPlan(1), {0, 1, 1});
  });
  EXPECT_EQ(error.code(), ErrorCode::kOutOfRange);
  EXPECT_THAT(error.what(), HasSubstr("no longer finite"));
  EXPECT_THAT(error.next_step(), HasSubstr("learning_rate"));
}

}  // namespace
}  // namespace consilium
