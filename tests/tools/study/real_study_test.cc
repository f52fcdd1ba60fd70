// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The demonstration's plan for real patients, on the trimmed set (docs/real-data.md): is a federation worth it?
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/model/network_spec.h"
#include "core/round/run_plan.h"
#include "tests/support/temporary_folder.h"
#include "tools/study/baselines.h"
#include "tools/study/federation.h"
#include "tools/study/local_model.h"

namespace consilium {
namespace {

std::vector<Cohort> RealCohorts(const std::filesystem::path& root, const PrepPlan& prep) {
  CohortOptions options;
  options.prep = prep;
  return LoadHospitals(root, options);
}

TEST(RealPatients, AreReadAndPreparedWhole) {
  const char* root = std::getenv("CONSILIUM_STS_TRIMMED");
  if (root == nullptr) GTEST_SKIP() << "CONSILIUM_STS_TRIMMED is not set: no real patients here";
  const RunPlan plan = ReadRunPlan(CONSILIUM_DEMO_PLAN_DATA);
  const std::vector<Cohort> cohorts = RealCohorts(root, plan.prep);
  ASSERT_EQ(cohorts.size(), 4U);
  std::size_t patients = 0;
  for (const Cohort& cohort : cohorts) {
    EXPECT_EQ(cohort.validation.size(), 2U) << cohort.site;
    for (const auto* group : {&cohort.training, &cohort.validation}) {
      for (const StudyPatient& patient : *group) {
        ++patients;
        // The tumour's volume is the same on the PET grid and on the grid that is trained on.
        const double spacing = plan.prep.spacing_mm;
        const auto prepared = std::count(patient.sample.label.begin(), patient.sample.label.end(), 1);
        const double before =
                         static_cast<double>(patient.reference.CountNonZero()) * patient.pet.geometry.VoxelVolumeMl(),
                     after = static_cast<double>(prepared) * spacing * spacing * spacing / 1000;
        EXPECT_GT(before, 0) << patient.name;
        EXPECT_NEAR(after / before, 1, 0.1) << patient.name;
      }
    }
  }
  EXPECT_EQ(patients, 32U);
}

TEST(RealStudy, TheFederationBeatsTheMeanOfTheHospitalsAndAThreshold) {
  const char* root = std::getenv("CONSILIUM_STS_TRIMMED");
  if (root == nullptr) GTEST_SKIP() << "CONSILIUM_STS_TRIMMED is not set: no real patients here";
  const RunPlan plan = ReadRunPlan(CONSILIUM_DEMO_PLAN_DATA);
  const std::vector<Cohort> cohorts = RealCohorts(root, plan.prep);
  std::vector<StudyPatient> held_out;
  for (const Cohort& cohort : cohorts) {
    held_out.insert(held_out.end(), cohort.held_out.begin(), cohort.held_out.end());
  }
  const ComputeOptions compute{Device{}, 1, plan.train.precision};
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  const TemporaryFolder folder;
  const auto federation = SimulateFederation(plan, cohorts, {.dir = folder / "federation", .threads = 2}, {});
  const double federated = Summary(DiceOnPetGrid(plan, federation.model.parameters, held_out, compute).whole).Mean();
  double mean = 0;
  for (const LocalModel& model :
       BestLocalModels(plan, first, cohorts, {.threads = 2}, [](std::int64_t, std::int64_t) {})) {
    mean += Summary(DiceOnPetGrid(plan, model.parameters, held_out, compute).whole).Mean() /
            static_cast<double>(cohorts.size());
  }
  EXPECT_GT(federated, mean);
  EXPECT_GT(federated, Summary(DiceOfThreshold(2.5, held_out)).Mean());
}

}  // namespace
}  // namespace consilium
