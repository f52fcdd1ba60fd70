// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// A seeded study with the demonstration's own plan: what the phantoms promise.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/base/random.h"
#include "core/model/network_spec.h"
#include "core/round/run_plan.h"
#include "imaging/phantom/phantom.h"
#include "imaging/phantom/style.h"
#include "tools/demo/options.h"
#include "tools/study/baselines.h"
#include "tools/study/federation.h"
#include "tools/study/local_model.h"

namespace consilium {
namespace {

TEST(Phantoms, TheBestThresholdIsFarBelowTheFederatedModel) {
  RunPlan plan = ReadRunPlan(CONSILIUM_DEMO_PLAN);
  plan.seed = 11;
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / "phantom-study";
  std::filesystem::remove_all(dir);
  CohortOptions options;
  options.prep = plan.prep;
  std::vector<Cohort> cohorts;
  std::vector<StudyPatient> training, held_out;
  for (const PhantomStyle& style : AllPhantomStyles()) {
    const auto seed = DeriveSeed(static_cast<std::uint64_t>(plan.seed), cohorts.size());
    WritePhantoms({dir / "patients" / style.name, kDemoPatients, style.name, seed, 1});
    WritePhantoms({dir / "held-out" / style.name, kDemoHeldOut, style.name, seed, kDemoPatients + 1});
    cohorts.push_back(LoadCohort(style.name, dir / "patients" / style.name, dir / "held-out" / style.name, options));
    const Cohort& cohort = cohorts.back();
    training.insert(training.end(), cohort.training.begin(), cohort.training.end());
    held_out.insert(held_out.end(), cohort.held_out.begin(), cohort.held_out.end());
  }
  std::filesystem::remove_all(dir);
  ASSERT_EQ(held_out.size(), 3U * kDemoHeldOut);

  const double suv = BestThreshold(training);
  const double threshold = Summary(DiceOfThreshold(suv, held_out)).Mean();
  const auto federation = SimulateFederation(plan, cohorts, {.dir = dir / "federation", .threads = 2}, {});
  const double federated =
      Summary(DiceOnPetGrid(plan, federation.model.parameters, held_out, {Device{}, 1, plan.train.precision}).whole)
          .Mean();
  RecordProperty("threshold_suv", std::to_string(suv));
  RecordProperty("threshold_dice", std::to_string(threshold));
  RecordProperty("federated_dice", std::to_string(federated));
  EXPECT_GE(federated, 0.75);
  EXPECT_LE(threshold, federated - 0.10) << "SUV >= " << suv;

  // No straw men: at home each hospital's own model is good; only elsewhere it is not.
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  double best = 0;
  for (const LocalModel& model :
       BestLocalModels(plan, first, cohorts, {.threads = 2}, [](std::int64_t, std::int64_t) {})) {
    double sum = 0;
    for (const Cohort& cohort : cohorts) {
      const DiceSummary dice =
          Summary(DiceOnPetGrid(plan, model.parameters, cohort.held_out, {Device{}, 1, plan.train.precision}).whole);
      sum += dice.sum;
      if (cohort.site == model.site) {
        EXPECT_GE(dice.Mean(), 0.60) << model.site << " on its own patients";
      }
    }
    best = std::max(best, sum / static_cast<double>(held_out.size()));
  }
  EXPECT_GE(federated, best + 0.05);
}

}  // namespace
}  // namespace consilium
