// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "learning/augmentation.h"
#include "learning/evaluate.h"
#include "learning/patch_sampler.h"
#include "learning/trainer.h"
#include "tests/learning/oracle.h"
#include "tests/learning/toy_samples.h"

namespace consilium {
namespace {

const NetworkSpec kNetwork{.features = {8, 16, 16}};

TrainPlan SmallPlan(std::int64_t steps) {
  TrainPlan plan;
  plan.steps = steps;
  plan.patch = 16;
  plan.precision = "float32";
  return plan;
}

TrainOutcome TrainToys(const TrainPlan& plan, const OptimizerState& optimizer = {}, TrainPosition position = {0, 6, 4},
                       const Parameters& start = InitialParameters(kNetwork, 1)) {
  Trainer trainer(kNetwork, {}, {.threads = 1});
  return trainer.Train(start, optimizer, test::ToySamples(3), plan, position);
}

// The plan of tools/oracles/training_recipe.py: one sample is exactly one patch, so that sampling has no choice.
TrainPlan OraclePlan() {
  TrainPlan plan = SmallPlan(5);
  plan.optimizer = "adamw";
  plan.learning_rate = 2e-3;
  plan.weight_decay = 0.01;
  plan.schedule = "cosine";
  plan.warmup_steps = 2;
  plan.mirror = false;
  plan.foreground_fraction = 0;
  return plan;
}

Sample OracleSample(const test::Oracle& oracle) {
  Sample sample{CaseId("a"), test::GridOf({16, 16, 16}), 2, oracle.Values("image"), {}};
  std::vector<std::uint8_t> label;
  for (const float v : oracle.Values("label")) label.push_back(v > 0.5F ? 1 : 0);
  sample.label = std::move(label);
  return sample;
}

double RelativeDifference(const Parameters& ours, const Parameters& theirs, const Parameters& first) {
  return Difference(ours, theirs).Norm() / Difference(first, theirs).Norm();
}

// AdamW divides by the root of the second moment: a bias before an instance norm has a gradient that is rounding error
// alone, and its steps are noise of the learning rate's size in both. Hence not the 1e-4 of SGD.
TEST(Recipe, FiveStepsOfAdamWAreTorchsWithMonaisSchedule) {
  const test::Oracle oracle("adamw.safetensors"), first("network.safetensors");
  const NetworkSpec spec = test::OracleNetwork();
  Trainer trainer(spec, {}, {.threads = 1});
  const std::vector<Sample> samples = {OracleSample(oracle)};
  const TrainOutcome outcome = trainer.Train(first.Network(spec), {}, samples, OraclePlan(), {0, 9, 1});
  Parameters ours = outcome.parameters, theirs = oracle.Network(spec), start = first.Network(spec);
  for (Parameters* p : {&ours, &theirs, &start}) {
    std::erase_if(p->arrays, [](const NamedArray& a) { return a.name.ends_with("conv.bias"); });
  }
  EXPECT_LT(RelativeDifference(ours, theirs, start), 1e-3);
  EXPECT_NEAR(outcome.mean_loss, oracle.Values("mean_loss")[0], 1e-5);
}

TEST(Recipe, TheAverageIsTheRunsLastModelAndTheFirstWeightsAreSoonForgotten) {
  const test::Oracle oracle("adamw.safetensors"), first("network.safetensors");
  const NetworkSpec spec = test::OracleNetwork();
  Trainer trainer(spec, {}, {.threads = 1});
  const std::vector<Sample> samples = {OracleSample(oracle)};
  TrainPlan plan = OraclePlan();
  plan.average = 0.5;
  const TrainOutcome on_the_way = trainer.Train(first.Network(spec), {}, samples, plan, {0, 9, 1});
  Parameters expected;
  for (const NamedArray& a : on_the_way.parameters.arrays) {
    expected.arrays.push_back({a.name, a.shape, oracle.Values("average/" + a.name)});
  }
  Parameters ours = on_the_way.optimizer.average, start = first.Network(spec);
  for (Parameters* p : {&ours, &expected, &start}) {
    std::erase_if(p->arrays, [](const NamedArray& a) { return a.name.ends_with("conv.bias"); });
  }
  EXPECT_LT(RelativeDifference(ours, expected, start), 1e-3);
  EXPECT_NE(on_the_way.parameters, on_the_way.optimizer.average);
  plan.schedule = "constant";
  const TrainOutcome last = trainer.Train(first.Network(spec), {}, samples, plan, {4, 9, 1});
  EXPECT_EQ(last.parameters, last.optimizer.average);
}

TEST(Recipe, KeptMomentsMakeTwoRoundsOne) {
  for (const std::string optimizer : {"sgd", "adamw"}) {
    TrainPlan plan = SmallPlan(6), half = SmallPlan(3);
    for (TrainPlan* p : {&plan, &half}) {
      p->optimizer = optimizer;
      p->average = 0.9;
      p->augmentation = "nnunet";
    }
    const TrainOutcome whole = TrainToys(plan);
    const TrainOutcome first = TrainToys(half);
    EXPECT_EQ(first.optimizer.steps, 3);
    EXPECT_EQ(first.optimizer.second_moment.arrays.empty(), optimizer == "sgd");
    const OptimizerState kept = OptimizerStateFrom(ToParameters(first.optimizer));
    EXPECT_EQ(kept, first.optimizer);
    const TrainOutcome rest = TrainToys(half, kept, {3, 6, 4}, first.parameters);
    EXPECT_EQ(rest.parameters, whole.parameters) << optimizer;
    EXPECT_EQ(rest.optimizer, whole.optimizer) << optimizer;
    EXPECT_NE(TrainToys(half, {}, {3, 6, 4}, first.parameters).parameters, whole.parameters);
  }
}

TEST(Recipe, WhatNoOptimizerKeepsIsRefused) {
  OptimizerState state;
  state.steps = 5'000'000'001;
  EXPECT_EQ(OptimizerStateFrom(ToParameters(state)).steps, state.steps);
  Parameters arrays;
  arrays.arrays.push_back({"encoder.weight", {1}, {0.0F}});
  try {
    OptimizerStateFrom(arrays);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("the kept optimiser has an array `encoder.weight`"));
  }
}

// One step of plain gradient descent with a pull mu (w - w0): the first step is FedAvg's, the second is shorter.
TEST(Recipe, FedProxPullsTowardsTheRoundsFirstWeights) {
  TrainPlan plan = SmallPlan(1);
  plan.momentum = 0;
  plan.weight_decay = 0;
  plan.schedule = "constant";
  plan.learning_rate = 0.1;
  plan.gradient_clip = 1e6;
  TrainPlan pulled = plan;
  pulled.proximal = 2;
  EXPECT_EQ(TrainToys(pulled).parameters, TrainToys(plan).parameters);
  plan.steps = pulled.steps = 2;
  const Parameters start = InitialParameters(kNetwork, 1);
  const Parameters one = [&] {
    TrainPlan first = plan;
    first.steps = 1;
    return TrainToys(first).parameters;
  }();
  // w2 = w1 - lr (g(w1) + mu (w1 - w0)): the difference of the two runs is -lr mu (w1 - w0).
  const Parameters free = TrainToys(plan).parameters, held = TrainToys(pulled).parameters;
  const Parameters moved = Difference(one, start), difference = Difference(held, free);
  double worst = 0;
  for (std::size_t a = 0; a < moved.arrays.size(); ++a) {
    for (std::size_t i = 0; i < moved.arrays[a].values.size(); ++i) {
      worst = std::max(worst, std::abs(double(difference.arrays[a].values[i]) + 0.2 * moved.arrays[a].values[i]));
    }
  }
  EXPECT_LT(worst, 1e-6);
  EXPECT_GT(difference.Norm(), 1e-3);
}

TEST(Recipe, AugmentationIsDrawnAtNnUNetsRates) {
  Random random(7);
  constexpr int kDraws = 4000;
  std::array<int, 9> seen{};
  double lowest_zoom = 9, highest_zoom = 0, lowest_gamma = 9, highest_gamma = 0, largest_angle = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Augmentation a = DrawAugmentation(random, 2);
    ASSERT_EQ(a.channels.size(), 2u);
    const Augmentation::Channel& c = a.channels[1];
    const std::array<bool, 9> now = {a.rotation != std::array<double, 3>{},
                                     a.zoom != 1,
                                     a.noise_sd > 0,
                                     c.blur != std::array<double, 3>{},
                                     c.brightness != 1,
                                     c.contrast != 1,
                                     c.resolution != 1,
                                     c.inverted_gamma != 1,
                                     c.gamma != 1};
    for (std::size_t n = 0; n < now.size(); ++n) seen[n] += now[n] ? 1 : 0;
    if (now[1]) lowest_zoom = std::min(lowest_zoom, a.zoom), highest_zoom = std::max(highest_zoom, a.zoom);
    if (now[8]) lowest_gamma = std::min(lowest_gamma, c.gamma), highest_gamma = std::max(highest_gamma, c.gamma);
    for (const double angle : a.rotation) largest_angle = std::max(largest_angle, std::abs(angle));
  }
  const std::array<double, 9> rate = {0.2, 0.2, 0.1, 0.1, 0.15, 0.15, 0.125, 0.1, 0.3};
  for (std::size_t n = 0; n < rate.size(); ++n) {
    EXPECT_NEAR(seen[n] / double(kDraws), rate[n], 4 * std::sqrt(rate[n] * (1 - rate[n]) / kDraws)) << n;
  }
  EXPECT_NEAR(lowest_zoom, 0.7, 0.01);
  EXPECT_NEAR(highest_zoom, 1.4, 0.01);
  EXPECT_NEAR(lowest_gamma, 0.7, 0.01);
  EXPECT_NEAR(highest_gamma, 1.5, 0.01);
  EXPECT_NEAR(largest_angle, std::acos(-1) / 6, 0.005);
}

TEST(Recipe, AugmentedTrainingFindsTheBallAndIsOfItsSeed) {
  TrainPlan plan = SmallPlan(60);
  plan.augmentation = "nnunet";
  plan.momentum = 0.9;
  plan.learning_rate = 0.05;
  const TrainOutcome outcome = TrainToys(plan, {}, {0, 60, 3});
  plan.steps = 5;
  EXPECT_EQ(TrainToys(plan, {}, {0, 60, 3}).parameters, TrainToys(plan, {}, {0, 60, 3}).parameters);
  Predictor predictor(kNetwork, {}, outcome.parameters, {.threads = 1, .precision = "float32"});
  EXPECT_GT(Evaluate(predictor, test::ToySamples(2, 500), {.patch = 16}).Mean(), 0.8);
}

// FedSGD: hospitals' gradients over their whole patients, averaged by patients, are the gradient over all of them.
TEST(Recipe, GradientsOfHospitalsAreThePooledGradient) {
  TrainPlan plan = SmallPlan(1);
  plan.local = "gradient";
  plan.momentum = 0;
  plan.learning_rate = 0.1;
  const Parameters start = InitialParameters(kNetwork, 1);
  std::vector<Sample> all = test::ToySamples(3);
  all.push_back(test::ToySample(7, {13, 17, 9}));        // padded to other edges
  all.push_back(test::ToySample(8, {16, 8, 8}, false));  // without a tumour
  const auto step_of = [&](std::span<const Sample> samples) {
    Trainer trainer(kNetwork, {}, {.threads = 1});
    return Difference(trainer.Train(start, {}, samples, plan, {0, 1, 3}).parameters, start);
  };
  const Parameters pooled = step_of(all), two = step_of(std::span(all).first(2)),
                   three = step_of(std::span(all).last(3));
  double worst = 0;
  for (std::size_t a = 0; a < pooled.arrays.size(); ++a) {
    for (std::size_t i = 0; i < pooled.arrays[a].values.size(); ++i) {
      const double mean = (2 * double(two.arrays[a].values[i]) + 3 * double(three.arrays[a].values[i])) / 5;
      worst = std::max(worst, std::abs(mean - pooled.arrays[a].values[i]));
    }
  }
  EXPECT_LT(worst, 1e-6);
  EXPECT_GT(pooled.Norm(), 0.05);
  EXPECT_EQ(step_of(all), pooled) << "nothing is drawn";
}

TrainPlan PlainPlan(std::int64_t steps) {
  TrainPlan plan = SmallPlan(steps);
  plan.momentum = 0;
  plan.weight_decay = 0;
  plan.schedule = "constant";
  plan.learning_rate = 0.05;
  plan.gradient_clip = 1e6;
  plan.local = "gradient";  // nothing is drawn: gradients can be compared
  return plan;
}

double LargestOf(const Parameters& parameters) {
  double largest = 0;
  for (const NamedArray& array : parameters.arrays)
    for (const float value : array.values) largest = std::max(largest, std::abs(double(value)));
  return largest;
}

// From zeros a first round's c_i is the mean gradient of its steps; one step's is the gradient itself. With c_i a
// site's own gradient and c another one, a site's first step goes along c.
TEST(Recipe, ScaffoldsControlVariatesAreGradients) {
  const std::vector<Sample> east = test::ToySamples(2), west = test::ToySamples(2, 300);
  const Parameters start = InitialParameters(kNetwork, 1);
  const TrainPlan plan = PlainPlan(1);
  const auto train = [&](std::span<const Sample> samples, const TrainPlan& by, const ControlVariates* control) {
    Trainer trainer(kNetwork, {}, {.threads = 1});
    TrainPosition position{0, by.steps, 1};
    position.control = control;
    return trainer.Train(start, {}, samples, by, position);
  };
  ControlVariates zero{start, start};
  for (Parameters* p : {&zero.global, &zero.own})
    for (NamedArray& array : p->arrays) std::fill(array.values.begin(), array.values.end(), 0.0F);
  const TrainOutcome east_step = train(east, plan, &zero), west_step = train(west, plan, &zero);
  EXPECT_EQ(east_step.parameters, train(east, plan, nullptr).parameters);
  EXPECT_TRUE(train(east, plan, nullptr).control.arrays.empty());
  // start - end = rate * gradient
  Parameters rest = Difference(start, east_step.parameters);
  for (std::size_t a = 0; a < rest.arrays.size(); ++a)
    for (std::size_t i = 0; i < rest.arrays[a].values.size(); ++i)
      rest.arrays[a].values[i] -= 0.05F * east_step.control.arrays[a].values[i];
  EXPECT_LT(LargestOf(rest), 1e-7);

  const ControlVariates corrected{west_step.control, east_step.control};
  const TrainOutcome along_west = train(east, plan, &corrected);
  EXPECT_LT(LargestOf(Difference(along_west.parameters, west_step.parameters)), 1e-6);
  // c_i stays the site's own gradient: c_i - c + (start - end) / rate = c_i - c + c.
  EXPECT_LT(LargestOf(Difference(along_west.control, east_step.control)), 1e-4);
  EXPECT_GT(LargestOf(Difference(west_step.control, east_step.control)), 1e-3);
}

TEST(Recipe, ScaffoldRefusesWhatIsNoGradient) {
  const Parameters start = InitialParameters(kNetwork, 1);
  const ControlVariates control{start, start};
  TrainPosition position{0, 1, 1};
  position.control = &control;
  Trainer trainer(kNetwork, {}, {.threads = 1});
  const auto samples = test::ToySamples(1);
  try {
    trainer.Train(start, {}, samples, SmallPlan(1), position);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("control variates are gradients"));
    EXPECT_THAT(error.next_step(), testing::HasSubstr("train.momentum = 0"));
  }
}

// One half of each patient was judged by nobody: training learns the ball from the other.
TEST(Recipe, PartlyLabelledPatientsTrain) {
  std::vector<Sample> samples = test::ToySamples(3);
  for (Sample& sample : samples) {
    std::vector<std::uint8_t> label(sample.label.begin(), sample.label.end());
    for (std::size_t i = 0; i < label.size(); ++i) {
      if (i % 24 < 12) label[i] = kIgnoreLabel;
    }
    sample.label = std::move(label);
  }
  TrainPlan plan = SmallPlan(40);
  Trainer trainer(kNetwork, {}, {.threads = 1});
  const PatchSampler sampler(samples, plan);
  EXPECT_TRUE(sampler.partly_labelled());
  EXPECT_FALSE(PatchSampler(test::ToySamples(1), plan).partly_labelled());
  const TrainOutcome outcome = trainer.Train(InitialParameters(kNetwork, 1), {}, samples, plan, {0, 40, 3});
  Predictor predictor(kNetwork, {}, outcome.parameters, {.threads = 1, .precision = "float32"});
  EXPECT_GT(Evaluate(predictor, test::ToySamples(2, 500), {.patch = 16}).Mean(), 0.7);
}

}  // namespace
}  // namespace consilium
