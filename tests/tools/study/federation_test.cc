// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/federation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/random.h"
#include "core/model/network_spec.h"
#include "core/model/safetensors.h"
#include "core/round/site_seed.h"
#include "learning/trainer.h"
#include "tests/support/temporary_folder.h"
#include "tools/study/local_model.h"

namespace consilium {
namespace {

// Patients that are learnt in a few steps: noise, and a bright cube that is the tumour.
Cohort BrightCubes(const std::string& site, std::uint64_t seed) {
  Cohort cohort{site, {}, {}, {}};
  Random random(seed);
  for (int n = 0; n < 3; ++n) {
    StudyPatient patient;
    patient.name = site + std::to_string(n);
    Sample& sample = patient.sample;
    sample.grid.size = {16, 16, 16};
    sample.grid.spacing_mm = {4, 4, 4};
    std::vector<float> image(2 * 4096);
    std::vector<std::uint8_t> label(4096);
    for (float& value : image) value = static_cast<float>(0.1 * random.Normal());
    const std::int64_t corner = random.Integer(2, 7);
    for (std::int64_t k = corner; k < corner + 6; ++k) {
      for (std::int64_t j = corner; j < corner + 6; ++j) {
        for (std::int64_t i = corner; i < corner + 6; ++i) {
          const auto at = static_cast<std::size_t>(sample.grid.Offset(i, j, k));
          label[at] = 1;
          image[at] += 3;
        }
      }
    }
    sample.image = std::move(image);
    sample.label = std::move(label);
    cohort.training.push_back(std::move(patient));
  }
  return cohort;
}

template <class F>
std::string ErrorOf(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.next_step();
  }
  return "no error";
}

RunPlan SmallPlan() {
  RunPlan plan;
  plan.name = "small";
  plan.rounds = 4;
  plan.network.features = {4, 8};
  plan.train.steps = 5;
  plan.train.patch = 16;
  plan.train.momentum = 0.9;
  plan.train.learning_rate = 0.05;
  plan.train.precision = "float32";
  return plan;
}

class SimulateFederationTest : public testing::Test {
 protected:
  SimulatedFederation Simulate(const RunPlan& plan, std::span<const Cohort> cohorts, int threads = 1,
                               const std::function<void(std::int64_t, double)>& progress = {},
                               std::stop_token stop = {}, bool go_on = false) const {
    FederationOptions options;
    options.go_on = go_on;
    options.dir = folder_ / "federation";
    options.threads = threads;
    return SimulateFederation(plan, cohorts, options, progress, stop);
  }
  TemporaryFolder folder_;
};

TEST_F(SimulateFederationTest, LearnsAndDoesNotDependOnThreads) {
  const RunPlan plan = SmallPlan();
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  std::vector<std::int64_t> rounds;
  const auto one = Simulate(plan, cohorts, 1, [&](std::int64_t round, double) { rounds.push_back(round); });
  EXPECT_THAT(rounds, testing::ElementsAre(1, 2, 3, 4));
  ASSERT_EQ(one.loss.size(), 4U);
  EXPECT_LT(one.loss.back(), one.loss.front() - 0.1);
  EXPECT_GT(one.update_bytes, one.model.parameters.Count() * 4);
  EXPECT_LT(one.update_bytes, one.model.parameters.Count() * 4 + 8192);
  EXPECT_EQ(one.model.card.version, ModelVersion(4));
  EXPECT_EQ(one.model.card.sites, 2);
  EXPECT_EQ(one.model.card.samples, 6);
  const auto two = Simulate(plan, cohorts, 2);
  EXPECT_EQ(one.model.digest, two.model.digest);
}

TEST_F(SimulateFederationTest, OneHospitalIsTheSameAsTrainingAloneUpToTheExactSum) {
  // With a single hospital the average is its own update; only the rounding to 2^-32 differs.
  RunPlan plan = SmallPlan();
  plan.eligibility.min_sites = plan.round.quorum = 1;
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  const std::vector<Cohort> cohorts{BrightCubes("east", 1)};
  const auto federated = Simulate(plan, cohorts);
  Cohort alone = cohorts[0];
  alone.validation.clear();
  const LocalModel local = TrainAlone(plan, first, alone, plan.TotalSteps(), {{Device{}, 1, "float32"}});
  const double difference = Difference(federated.model.parameters, local.parameters).Norm();
  EXPECT_LT(difference, 0.02 * Difference(local.parameters, first).Norm());
}

// FedSGD through sealed updates, the screen and the exact sum: three rounds are three pooled steps.
TEST_F(SimulateFederationTest, RoundsOfGradientsArePooledSteps) {
  RunPlan plan = SmallPlan();
  plan.rounds = 3;
  plan.train.local = "gradient";
  plan.train.steps = 1;
  plan.train.momentum = 0;
  plan.train.learning_rate = 0.2;
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  const Parameters federated = Simulate(plan, cohorts).model.parameters;
  Cohort both = cohorts[0];
  both.training.insert(both.training.end(), cohorts[1].training.begin(), cohorts[1].training.end());
  both.validation.clear();
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  const LocalModel pooled = TrainAlone(plan, first, both, 3, {{Device{}, 1, "float32"}});
  const Parameters difference = Difference(federated, pooled.parameters);
  for (const NamedArray& array : difference.arrays)
    for (const float value : array.values) ASSERT_LT(std::abs(value), 1e-6) << array.name;
  EXPECT_GT(Difference(federated, first).Norm(), 0.05);
}

// Four patients and three: weighed by patients they count 4 to 3, by equal steps alike.
TEST_F(SimulateFederationTest, UpdatesWeighWhatThePlanSays) {
  std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  cohorts[0].training.push_back(BrightCubes("more", 3).training[0]);
  RunPlan plan = SmallPlan();
  plan.rounds = 1;
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  const auto change_of = [&](const Cohort& cohort) {
    Cohort alone = cohort;
    alone.validation.clear();
    return Difference(TrainAlone(plan, first, alone, plan.train.steps, {{Device{}, 1, "float32"}}).parameters, first);
  };
  const Parameters east = change_of(cohorts[0]), west = change_of(cohorts[1]);
  for (const double share : {4.0 / 7, 0.5}) {
    plan.aggregation.weight = share == 0.5 ? "steps" : "patients";
    const Parameters together = Difference(Simulate(plan, cohorts).model.parameters, first);
    for (std::size_t a = 0; a < together.arrays.size(); ++a) {
      for (std::size_t i = 0; i < together.arrays[a].values.size(); ++i) {
        ASSERT_NEAR(together.arrays[a].values[i],
                    share * east.arrays[a].values[i] + (1 - share) * west.arrays[a].values[i], 1e-6);
      }
    }
  }
}

TEST_F(SimulateFederationTest, TheProductsGateAndScreenDecide) {
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  RunPlan plan = SmallPlan();
  plan.eligibility.min_patients = 4;
  EXPECT_THAT(ErrorOf([&] { Simulate(plan, cohorts); }),
              testing::AllOf(testing::HasSubstr("the run cannot begin"), testing::HasSubstr("east has 3"),
                             testing::HasSubstr("min_patients")));
  plan = SmallPlan();
  plan.aggregation.max_update_norm = 1e-9;
  EXPECT_THAT(ErrorOf([&] { Simulate(plan, cohorts); }), testing::HasSubstr("does not leave"));
  plan = SmallPlan();
  plan.aggregation.rule = "best";
  EXPECT_THAT(ErrorOf([&] { Simulate(plan, cohorts); }), testing::HasSubstr("fedavg"));
}

TEST_F(SimulateFederationTest, StopsWhenAsked) {
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  std::stop_source stop;
  EXPECT_THAT(ErrorOf([&] {
                Simulate(
                    SmallPlan(), cohorts, 1, [&](std::int64_t, double) { stop.request_stop(); }, stop.get_token());
              }),
              testing::HasSubstr("stopped"));
}

// Stopped in its third round: the first two are not trained again, and the end is the same, to the bit.
TEST_F(SimulateFederationTest, GoesOnAfterTheLastRoundThatIsKept) {
  const RunPlan plan = SmallPlan();
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  const auto whole = Simulate(plan, cohorts);
  std::filesystem::remove_all(folder_ / "federation");
  std::stop_source stop;
  const auto after_two = [&](std::int64_t round, double) {
    if (round == 2) stop.request_stop();
  };
  EXPECT_THAT(ErrorOf([&] { Simulate(plan, cohorts, 1, after_two, stop.get_token(), true); }),
              testing::HasSubstr("stopped"));
  std::vector<std::int64_t> rounds;
  const auto note = [&](std::int64_t round, double) { rounds.push_back(round); };
  const auto rest = Simulate(plan, cohorts, 1, note, {}, true);
  EXPECT_THAT(rounds, testing::ElementsAre(3, 4));
  EXPECT_EQ(rest.model.digest, whole.model.digest);
  EXPECT_EQ(rest.loss, whole.loss);
  EXPECT_EQ(rest.update_bytes, whole.update_bytes);
  RunPlan other = plan;
  other.seed = 2;
  EXPECT_THAT(ErrorOf([&] { Simulate(other, cohorts, 1, {}, {}, true); }),
              testing::AllOf(testing::HasSubstr("holds a federation of another plan"), testing::HasSubstr("remove")));
}

// Stretches change nothing: one long training by hand gives the same numbers. And FedProx is for federations only.
TEST(Pooled, StretchesAreOneTraining) {
  RunPlan plan = SmallPlan();
  const Cohort cohort = BrightCubes("east", 1);
  const Parameters first = InitialParameters(plan.network, 1);
  const ComputeOptions compute{Device{}, 1, "float32"};
  std::vector<Sample> samples;
  for (const StudyPatient& patient : cohort.training) samples.push_back(patient.sample);
  TrainPlan train = plan.train;
  train.steps = 20;
  Trainer trainer(plan.network, plan.prep, compute);
  const TrainOutcome long_one =
      trainer.Train(first, {}, samples, train, {0, 20, SiteSeed(plan, SiteId("east"))}, {}, {});
  plan.train.proximal = 1;
  const LocalModel alone = TrainAlone(plan, first, cohort, 20, {compute});
  EXPECT_EQ(alone.parameters, long_one.parameters);
  ASSERT_EQ(alone.loss.size(), 4U);
  EXPECT_NEAR((alone.loss[0] + alone.loss[1] + alone.loss[2] + alone.loss[3]) / 4, long_one.mean_loss, 1e-6);
}

TEST(Pooled, TakesTheFederationsStepsOverAllHospitals) {
  const RunPlan plan = SmallPlan();
  const Parameters first = InitialParameters(plan.network, 1);
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  double share = 0;
  const LocalModel pooled =
      TrainPooled(plan, first, cohorts, {{Device{}, 1, "float32"}}, [&](double done, double) { share = done; });
  EXPECT_EQ(pooled.steps, 2 * plan.TotalSteps());
  EXPECT_EQ(share, 1);
  ASSERT_EQ(pooled.loss.size(), 4U);
  EXPECT_LT(pooled.loss.back(), pooled.loss.front() - 0.1);
  EXPECT_EQ(TrainPooled(plan, first, cohorts, {{Device{}, 1, "float32"}}, [](double, double) {}).parameters,
            pooled.parameters);
}

// Each hospital's own norm layers, the rest from the federation; and tuned for itself where that is no worse.
TEST_F(SimulateFederationTest, GivesEachHospitalItsOwnVersion) {
  RunPlan plan = SmallPlan();
  std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  EXPECT_TRUE(Simulate(plan, cohorts).own.empty());
  plan.aggregation.keep_local = "norm";
  const auto done = Simulate(plan, cohorts);
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  ASSERT_EQ(done.own.size(), 2U);
  for (std::size_t a = 0; a < first.arrays.size(); ++a) {
    const std::string& name = first.arrays[a].name;
    const auto& global = done.model.parameters.arrays[a].values;
    const auto &east = done.own[0].arrays[a].values, &west = done.own[1].arrays[a].values;
    if (name.find(".norm.") != std::string::npos) {
      EXPECT_EQ(global, first.arrays[a].values) << name << " left a hospital";
      EXPECT_NE(east, west) << name;
    } else {
      EXPECT_EQ(east, global) << name;
      EXPECT_EQ(west, global) << name;
    }
  }
  EXPECT_EQ(Simulate(plan, cohorts, 2).own, done.own) << "it depends on threads";

  plan.personal = {20, 0.05};
  cohorts[0].validation = cohorts[0].training;
  const auto tuned = Simulate(plan, cohorts);
  EXPECT_NE(tuned.own[0], done.own[0]);
  EXPECT_EQ(tuned.own[1], done.own[1]) << "without validation patients nobody can say that it is no worse";
}

// Stopped within the third stretch and called again: the same bits, and the first two stretches are not trained anew.
TEST(Pooled, GoesOnAfterAStop) {
  const TemporaryFolder folder;
  RunPlan plan = SmallPlan();
  plan.train.optimizer = "adamw";
  plan.train.average = 0.9;
  const Parameters first = InitialParameters(plan.network, 1);
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  TrainOptions options;
  options.compute = {Device{}, 1, "float32"};
  options.keep = folder / "pooled.safetensors";
  const LocalModel whole = TrainPooled(plan, first, cohorts, {options.compute}, {});
  std::stop_source stop;
  double share = 0;
  const auto stop_late = [&](double done, double) {
    share = done;
    if (done > 0.5) stop.request_stop();
  };
  EXPECT_THAT(ErrorOf([&] { TrainPooled(plan, first, cohorts, options, stop_late, stop.get_token()); }),
              testing::HasSubstr("stopped"));
  ASSERT_LT(share, 1);
  double first_share = 2;
  const LocalModel rest = TrainPooled(plan, first, cohorts, options,
                                      [&](double done, double) { first_share = std::min(first_share, done); });
  EXPECT_GT(first_share, 0.5);
  EXPECT_EQ(rest.parameters, whole.parameters);
  EXPECT_EQ(rest.loss, whole.loss);
  RunPlan other = plan;
  other.train.learning_rate = 0.5;
  EXPECT_THAT(ErrorOf([&] { TrainPooled(other, first, cohorts, options, {}); }),
              testing::AllOf(testing::HasSubstr("is of another training"), testing::HasSubstr("Remove it")));
  WriteFileDurably(options.keep, SerializeParameters(first, {}));
  EXPECT_THAT(ErrorOf([&] { TrainPooled(plan, first, cohorts, options, {}); }),
              testing::HasSubstr("is no training that was stopped"));
}

// Both trainings of each hospital are kept apart, and found again.
TEST(LocalModels, GoOnAfterAStop) {
  const TemporaryFolder folder;
  const RunPlan plan = SmallPlan();
  const Parameters first = InitialParameters(plan.network, 1);
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  const auto whole = BestLocalModels(plan, first, cohorts, {}, [](std::int64_t, std::int64_t) {});
  std::stop_source stop;
  EXPECT_THAT(ErrorOf([&] {
                BestLocalModels(
                    plan, first, cohorts, {1, folder.path()},
                    [&](std::int64_t done, std::int64_t) {
                      if (done == 2) stop.request_stop();
                    },
                    stop.get_token());
              }),
              testing::HasSubstr("stopped"));
  EXPECT_TRUE(std::filesystem::exists(folder / "east-40.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder / "west-40.safetensors"));
  const auto rest = BestLocalModels(plan, first, cohorts, {1, folder.path()}, [](std::int64_t, std::int64_t) {});
  ASSERT_EQ(rest.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rest[i].parameters, whole[i].parameters);
    EXPECT_EQ(rest[i].steps, whole[i].steps);
  }
}

}  // namespace
}  // namespace consilium
