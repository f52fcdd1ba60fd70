// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The plans: what an administrator writes, its limits, its text and its digest.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/file_store.h"
#include "core/round/prep_plan.h"
#include "core/round/run_plan.h"
#include "core/round/site_seed.h"
#include "core/round/train_plan.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

RunPlan Plan() {
  RunPlan plan;
  plan.name = "sarcoma";
  return plan;
}

void ExpectRefused(std::string_view words, void (*change)(RunPlan&)) {
  RunPlan plan = Plan();
  change(plan);
  ExpectError(ErrorCode::kInvalidArgument, words, [&] { plan.Validate(); });
}

TEST(RunPlanTest, TomlRoundTrip) {
  RunPlan plan = Plan();
  plan.rounds = 40;
  plan.target_dice = 0.1 + 0.2;
  plan.seed = std::numeric_limits<std::int64_t>::max();
  plan.labels = {"SCT 10200004 Liver"};
  plan.eligibility = {5, 50};
  plan.round = {4, 1e-3};
  plan.network.features = {32, 64, 128, 256, 320};
  plan.prep.spacing_mm = 2.0 / 3.0;
  plan.train.patch = 64;
  plan.train.mirror = false;
  plan.train.precision = "bfloat16";
  const RunPlan back = ParseRunPlan(ToToml(plan), "p");
  EXPECT_EQ(back, plan);
  EXPECT_EQ(DigestOf(back), DigestOf(plan));
  EXPECT_NE(DigestOf(plan), DigestOf(Plan()));
  EXPECT_EQ(plan.TotalSteps(), 2000);
}

TEST(RunPlanTest, TheNetworksArchitectureIsInThePlanAndItsDigest) {
  const RunPlan plan = ParseRunPlan(
      "name = \"sarcoma\"\n[network]\narchitecture = \"res_enc_unet\"\nfeatures = [8, 16, 32, 64]\n"
      "convs_per_stage = 1\nblocks_per_stage = [1, 2, 2, 2]\n",
      "p");
  EXPECT_EQ(plan.network.Blocks(), (std::vector<std::int64_t>{1, 2, 2, 2}));
  EXPECT_EQ(ParseRunPlan(ToToml(plan), "p"), plan);
  RunPlan other = plan;
  other.network.blocks_per_stage.clear();
  EXPECT_NE(DigestOf(other), DigestOf(plan));
  ExpectRefused("network.architecture is `unet`", [](RunPlan& p) { p.network.architecture = "unet"; });
  ExpectRefused("seg_res_net has one output", [](RunPlan& p) { p.network.architecture = "seg_res_net"; });
}

TEST(RunPlanTest, TheExplanationIsAPlanWithEveryDefault) {
  RunPlan plan = ParseRunPlan(ExplainRunPlan(), "p");
  plan.name = "";
  EXPECT_EQ(plan, RunPlan{});
}

TEST(RunPlanTest, OneLabelByItsCode) {
  EXPECT_EQ(Plan().Label(), kNeoplasm);
  EXPECT_EQ(Plan().Label().meaning, "Neoplasm");
  RunPlan old = ParseRunPlan("name = \"of-yesterday\"", "p");
  EXPECT_EQ(old.Label(), kNeoplasm) << "a plan without the key means the tumour";
  const RunPlan liver = ParseRunPlan("name = \"s\"\nlabels = [\"SCT 10200004 Liver\"]", "p");
  EXPECT_EQ(liver.Label(), (CodedConcept{"10200004", "SCT", ""}));
  EXPECT_NE(DigestOf(liver), DigestOf(ParseRunPlan("name = \"s\"", "p")));
  ExpectRefused("`labels` names 0 labels", [](RunPlan& p) { p.labels.clear(); });
  ExpectRefused("`labels` names 2 labels; a network of today tells one from the background", [](RunPlan& p) {
    p.labels = {"SCT 1 A", "SCT 2 B"};
  });
  ExpectRefused("`labels`: `tumour` is no code of a label", [](RunPlan& p) { p.labels = {"tumour"}; });
  ExpectRefused("`labels`: SCT 1 has no meaning for people", [](RunPlan& p) { p.labels = {"SCT 1"}; });
}

TEST(RunPlanTest, MistakesNameFileLineKeyAndWhereAllKeysAre) {
  const TemporaryFolder folder;
  WriteFileDurably(folder / "sarcoma.toml", "name = \"s\"\n[eligibility]\nmin_patient = 50\n");
  ExpectError(
      ErrorCode::kInvalidArgument,
      "sarcoma.toml, line 3: unknown key `eligibility.min_patient`\n  did you mean `eligibility.min_patients`?  "
      "All keys: consilium-hub run start --explain",
      [&] { ReadRunPlan(folder / "sarcoma.toml"); });
  ExpectError(ErrorCode::kInvalidArgument, "p: `name` must be 1 to 60 letters", [] { ParseRunPlan("", "p"); });
}

TEST(RunPlanTest, LimitsNameTheKey) {
  Plan().Validate();
  ExpectRefused("`name` must be", [](RunPlan& p) { p.name = "a b"; });
  ExpectRefused("`name` must be", [](RunPlan& p) { p.name = std::string(61, 'a'); });
  ExpectRefused("`rounds` must lie", [](RunPlan& p) { p.rounds = 0; });
  ExpectRefused("`target_dice` must lie", [](RunPlan& p) { p.target_dice = std::numeric_limits<double>::quiet_NaN(); });
  ExpectRefused("`seed` must not", [](RunPlan& p) { p.seed = -1; });
  ExpectRefused("`eligibility.min_sites` must lie", [](RunPlan& p) { p.eligibility.min_sites = 0; });
  ExpectRefused("`eligibility.min_patients` must be", [](RunPlan& p) { p.eligibility.min_patients = 0; });
  ExpectRefused("`round.quorum` must lie", [](RunPlan& p) { p.round.quorum = 0; });
  ExpectRefused("`round.quorum` is 3, more than the 2 sites", [](RunPlan& p) { p.round.quorum = 3; });
  ExpectRefused("`round.deadline_s` must be", [](RunPlan& p) { p.round.deadline_s = 0; });
  ExpectRefused("`aggregation.rule` must name a rule", [](RunPlan& p) { p.aggregation.rule.clear(); });
  ExpectRefused("`aggregation.max_update_norm` must", [](RunPlan& p) { p.aggregation.max_update_norm = 0; });
  ExpectRefused("network.classes is 0", [](RunPlan& p) { p.network.classes = 0; });
}

TEST(RunPlanTest, ThePatchMustFitTheNetwork) {
  ExpectRefused("`train.patch` is 44; with 4 stages it must be a multiple of 8, at least twice that\n  Take 48.",
                [](RunPlan& p) { p.train.patch = 44; });
  ExpectRefused("`train.steps` must be 1 where `train.local` is gradient", [](RunPlan& p) {
    p.train.local = "gradient";
    p.train.momentum = 0;
  });
  ExpectRefused("`aggregation.weight` must be patients or steps", [](RunPlan& p) { p.aggregation.weight = "cases"; });
  ExpectRefused("`patience` must lie", [](RunPlan& p) { p.patience = -1; });
  ExpectRefused("Take 16.", [](RunPlan& p) { p.train.patch = 8; });
}

TEST(SiteSeedTest, DiffersBySiteAndByTheRunsSeedOnly) {
  RunPlan plan = Plan();
  const std::uint64_t north = SiteSeed(plan, SiteId("north"));
  EXPECT_NE(north, SiteSeed(plan, SiteId("coast")));
  plan.rounds += 1;
  EXPECT_EQ(north, SiteSeed(plan, SiteId("north")));
  plan.seed += 1;
  EXPECT_NE(north, SiteSeed(plan, SiteId("north")));
}

TEST(TrainPlanTest, LimitsNameTheKey) {
  const auto refused = [](std::string_view words, auto change) {
    TrainPlan plan;
    change(plan);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { plan.Validate(); });
  };
  TrainPlan().Validate();
  refused("train.steps must be between", [](TrainPlan& p) { p.steps = 0; });
  refused("train.batch must be between", [](TrainPlan& p) { p.batch = 1000; });
  refused("train.patch must be between", [](TrainPlan& p) { p.patch = 4; });
  refused("train.learning_rate must be",
          [](TrainPlan& p) { p.learning_rate = std::numeric_limits<double>::quiet_NaN(); });
  refused("train.local must be steps or gradient", [](TrainPlan& p) { p.local = "sgd"; });
  refused("train.momentum, average and proximal must be 0", [](TrainPlan& p) { p.local = "gradient"; });
  refused("train.optimizer must be sgd or adamw", [](TrainPlan& p) { p.optimizer = "adam"; });
  refused("train.schedule must be poly, cosine or constant", [](TrainPlan& p) { p.schedule = "step"; });
  refused("train.warmup_steps must be between", [](TrainPlan& p) { p.warmup_steps = -1; });
  refused("train.average must be at least 0 and below 1", [](TrainPlan& p) { p.average = 1; });
  refused("train.proximal must be between 0 and 1000", [](TrainPlan& p) { p.proximal = -0.1; });
  refused("train.augmentation must be none or nnunet", [](TrainPlan& p) { p.augmentation = "heavy"; });
  refused("train.momentum must be", [](TrainPlan& p) { p.momentum = 1; });
  refused("train.weight_decay must be", [](TrainPlan& p) { p.weight_decay = -1; });
  refused("train.foreground_fraction must be", [](TrainPlan& p) { p.foreground_fraction = 1.1; });
  refused("train.gradient_clip must be", [](TrainPlan& p) { p.gradient_clip = 0; });
  refused("train.precision must be auto, float32 or bfloat16", [](TrainPlan& p) { p.precision = "float16"; });
}

TEST(RunPlanTest, AnUpdateWeighsItsPatientsOrItsSteps) {
  TrainMetrics metrics;
  metrics.steps = 50;
  metrics.samples = 8;
  AggregationPlan plan;
  EXPECT_EQ(WeightOf(plan, metrics), 8);
  plan.weight = "steps";
  EXPECT_EQ(WeightOf(plan, metrics), 50);
}

// nnU-Net's PolyLRScheduler, and MONAI's WarmupCosineSchedule as tools/oracles/training_recipe.py printed it.
TEST(TrainPlanTest, LearningRatesAreThePeers) {
  TrainPlan plan;
  EXPECT_DOUBLE_EQ(LearningRateAt(plan, 0, 1000), 0.01);
  EXPECT_NEAR(LearningRateAt(plan, 500, 1000), 0.01 * std::pow(0.5, 0.9), 1e-15);
  EXPECT_EQ(LearningRateAt(plan, 1000, 1000), 0);
  plan.learning_rate = 2e-3;
  plan.schedule = "cosine";
  plan.warmup_steps = 2;
  const double expected[] = {2e-4, 1.1e-3, 2e-3, 0.0019009688403457403, 0.0016234897775575519};
  for (std::int64_t step = 0; step < 5; ++step)
    EXPECT_NEAR(LearningRateAt(plan, step, 9), expected[step], 1e-9) << step;
  EXPECT_EQ(LearningRateAt(plan, 9, 9), 0);
  plan.schedule = "constant";
  EXPECT_EQ(LearningRateAt(plan, 1, 9), 1.1e-3);
  EXPECT_EQ(LearningRateAt(plan, 100, 9), 2e-3);
}

TEST(PrepPlanTest, TheDigestIsStable) {
  // Models made with one program version must meet data prepared by the next.
  EXPECT_EQ(PrepPlan().digest().Hex(), DigestOf("consilium prep plan 1\n"
                                                "spacing_mm = 4.0\npet_low = 1.04\npet_high = 51.2\npet_mean = 7.06\n"
                                                "pet_sd = 7.96\nct_low = -832.0\nct_high = 1128.0\nct_mean = 108.0\n"
                                                "ct_sd = 286.0\nct_outside = -1024.0\npet_outside = 0.0\n")
                                           .Hex());
  PrepPlan other;
  other.ct_sd = std::nextafter(other.ct_sd, 1000);
  EXPECT_NE(other.digest(), PrepPlan().digest());
}

TEST(PrepPlanTest, PaddingIsNormalisedAir) {
  EXPECT_FLOAT_EQ(PrepPlan().PetPadding(), static_cast<float>((1.04 - 7.06) / 7.96));
  EXPECT_FLOAT_EQ(PrepPlan().CtPadding(), static_cast<float>((-832.0 - 108.0) / 286.0));
}

TEST(PrepPlanTest, LimitsNameTheKey) {
  const auto refused = [](std::string_view words, auto change) {
    PrepPlan plan;
    change(plan);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { plan.Validate(); });
  };
  refused("prep.spacing_mm must lie between", [](PrepPlan& p) { p.spacing_mm = 0; });
  refused("prep.pet_low must be below prep.pet_high", [](PrepPlan& p) { p.pet_low = 60; });
  refused("prep.ct_sd must be above 0", [](PrepPlan& p) { p.ct_sd = 0; });
  refused("prep.ct_mean must be", [](PrepPlan& p) { p.ct_mean = std::numeric_limits<double>::infinity(); });
  refused("must be finite", [](PrepPlan& p) { p.pet_outside = std::numeric_limits<double>::quiet_NaN(); });
}

}  // namespace
}  // namespace consilium
