// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/federation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/model/network_spec.h"
#include "tools/study/local_model.h"

namespace consilium {
namespace {

Parameters Numbers(std::vector<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {{{"a", {count}, std::move(values)}}};
}

TEST(AverageUpdates, IsTheWeightedMeanOnTopOfTheBase) {
  const std::vector<WeightedUpdate> updates{{Numbers({1.0F, -2.0F}), 3}, {Numbers({5.0F, 2.0F}), 1}};
  EXPECT_THAT(AverageUpdates(Numbers({10, 20}), updates).arrays[0].values, testing::ElementsAre(12.0F, 19.0F));
}

TEST(AverageUpdates, DoesNotDependOnTheOrderOfTheHospitals) {
  Random random(1);
  std::vector<WeightedUpdate> updates;
  for (int site = 0; site < 5; ++site) {
    std::vector<float> values;
    for (int i = 0; i < 1000; ++i) values.push_back(static_cast<float>(random.Normal() * std::pow(10.0, site - 3)));
    updates.push_back({Numbers(values), 3 + site});
  }
  const Parameters base = Numbers(std::vector<float>(1000, 0.25F));
  const Parameters forward = AverageUpdates(base, updates);
  std::reverse(updates.begin(), updates.end());
  EXPECT_EQ(AverageUpdates(base, updates), forward);  // bit for bit
}

TEST(AverageUpdates, RefusesAnUpdateOfAnotherShape) {
  const std::vector<WeightedUpdate> updates{{Numbers({1, 2, 3}), 1}};
  EXPECT_THROW(AverageUpdates(Numbers({1, 2}), updates), Error);
  EXPECT_THROW(AverageUpdates(Numbers({1, 2}), {}), Error);
}

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

TEST(SimulateFederation, LearnsAndDoesNotDependOnThreads) {
  const RunPlan plan = SmallPlan();
  const Parameters first = InitialParameters(plan.network, 1);
  const std::vector<Cohort> cohorts{BrightCubes("east", 1), BrightCubes("west", 2)};
  std::vector<std::int64_t> rounds;
  const auto one =
      SimulateFederation(plan, first, cohorts, 1, [&](std::int64_t round, double) { rounds.push_back(round); });
  EXPECT_THAT(rounds, testing::ElementsAre(1, 2, 3, 4));
  ASSERT_EQ(one.loss.size(), 4U);
  EXPECT_LT(one.loss.back(), one.loss.front() - 0.1);
  EXPECT_EQ(one.update_bytes, first.Count() * 4);
  const auto two = SimulateFederation(plan, first, cohorts, 2, {});
  EXPECT_EQ(one.parameters, two.parameters);
}

TEST(SimulateFederation, OneHospitalIsTheSameAsTrainingAloneUpToTheExactSum) {
  // With a single hospital the average is its own update; only the rounding to 2^-32 differs.
  const RunPlan plan = SmallPlan();
  const Parameters first = InitialParameters(plan.network, 1);
  const std::vector<Cohort> cohorts{BrightCubes("east", 1)};
  const auto federated = SimulateFederation(plan, first, cohorts, 1, {});
  Cohort alone = cohorts[0];
  alone.validation.clear();
  const LocalModel local = TrainAlone(plan, first, alone, plan.TotalSteps(), {Device{}, 1, "float32"});
  const double difference = Difference(federated.parameters, local.parameters).Norm();
  EXPECT_LT(difference, 0.02 * Difference(local.parameters, first).Norm());
}

}  // namespace
}  // namespace consilium
