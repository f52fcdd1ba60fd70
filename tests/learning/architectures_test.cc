// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Every architecture through the trainer and the predictor, whatever its parts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/error.h"
#include "learning/predictor.h"
#include "learning/step_memory.h"
#include "learning/trainer.h"
#include "tests/learning/toy_samples.h"

namespace consilium {
namespace {

class Architecture : public testing::TestWithParam<NetworkSpec> {
 protected:
  static TrainPlan Plan(std::int64_t steps) {
    TrainPlan plan;
    plan.steps = steps;
    plan.patch = 16;
    plan.learning_rate = 0.02;
    plan.momentum = 0.9;
    plan.schedule = "constant";
    plan.precision = "float32";
    return plan;
  }
  static TrainOutcome Train(const Parameters& start, const OptimizerState& kept, std::int64_t first,
                            std::int64_t steps) {
    Trainer trainer(GetParam(), {}, {.threads = 2});
    return trainer.Train(start, kept, test::ToySamples(3), Plan(steps), {first, 40, 7});
  }
};

TEST_P(Architecture, LearnsTheToyAndFindsTheTumourOfAnotherPatient) {
  const TrainOutcome early = Train(InitialParameters(GetParam(), 1), {}, 0, 10);
  const TrainOutcome late = Train(early.parameters, early.optimizer, 10, 30);
  EXPECT_LT(late.mean_loss, early.mean_loss - 0.3);
  Predictor predictor(GetParam(), {}, late.parameters, {.threads = 2, .precision = "float32"});
  const Sample unseen = test::ToySample(55);
  const ProbabilityMap map = predictor.Predict(unseen, {.patch = 16});
  double both = 0, either = 0;
  for (std::size_t i = 0; i < unseen.label.size(); ++i) {
    const bool found = map.tumour[i] > 0.5F, there = unseen.label[i] == 1;
    both += found && there;
    either += double(found) + double(there);
  }
  EXPECT_GT(2 * both / either, 0.6);
}

TEST_P(Architecture, TwoRoundsAreOneOnOneThread) {
  const auto train = [](const Parameters& start, const OptimizerState& kept, std::int64_t first, std::int64_t steps) {
    Trainer trainer(GetParam(), {}, {.threads = 1});
    return trainer.Train(start, kept, test::ToySamples(2), Plan(steps), {first, 4, 7});
  };
  const Parameters start = InitialParameters(GetParam(), 1);
  const TrainOutcome whole = train(start, {}, 0, 4), half = train(start, {}, 0, 2);
  EXPECT_EQ(train(half.parameters, half.optimizer, 2, 2).parameters, whole.parameters);
}

TEST_P(Architecture, AModelOfAnotherIsRefused) {
  const NetworkSpec other{.features = {8, 16, 16}};
  Trainer trainer(GetParam(), {}, {.threads = 1});
  try {
    trainer.Train(InitialParameters(other, 1), {}, test::ToySamples(1), Plan(1), {0, 1, 1});
    FAIL() << "trained";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("training starts from a model of another network"));
  }
}

// More blocks, more memory; a prediction needs less than a step.
TEST_P(Architecture, MemoryGrowsWithItsBlocks) {
  NetworkSpec deeper = GetParam();
  deeper.blocks_per_stage = deeper.Blocks();
  for (std::int64_t& blocks : deeper.blocks_per_stage) ++blocks;
  const StepSize step{32, 2, Precision::kFloat32, true}, tile{32, 1, Precision::kFloat32, false};
  EXPECT_GT(EstimateStepBytes(deeper, step), EstimateStepBytes(GetParam(), step));
  EXPECT_LT(EstimateStepBytes(GetParam(), tile), EstimateStepBytes(GetParam(), step) / 2);
}

INSTANTIATE_TEST_SUITE_P(Learning, Architecture,
                         testing::Values(NetworkSpec{.architecture = "res_enc_unet",
                                                     .features = {8, 16, 16},
                                                     .convs_per_stage = 1,
                                                     .blocks_per_stage = {1, 1, 2}},
                                         NetworkSpec{.architecture = "seg_res_net",
                                                     .features = {8, 16, 32},
                                                     .blocks_per_stage = {1, 1, 1},
                                                     .deep_supervision = false}),
                         [](const auto& param_info) { return param_info.param.architecture; });

}  // namespace
}  // namespace consilium
