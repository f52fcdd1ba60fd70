// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/plan_from_cohorts.h"

#include <gtest/gtest.h>

#include "imaging/phantom/phantom.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/study/study_patients.h"

namespace consilium {
namespace {

RunPlan Base() {
  RunPlan plan;
  plan.name = "study";
  plan.eligibility.min_patients = 2;
  return plan;
}

StudyPatient Measured(const std::string& name, double mm, float suv) {
  StudyPatient patient = test::BoxPatient(name);
  patient.measure.emplace();
  patient.measure->spacing_mm = {mm, mm, mm};
  patient.measure->size = {64, 64, 64};
  patient.measure->voxels = 64 * 64 * 64;
  patient.measure->pet_suv = {suv, 2 * suv};
  patient.measure->ct_hu = {20, 60};
  return patient;
}

TEST(PlanFromCohorts, IsThePlanOfWhatTheHospitalsMayTell) {
  const std::vector<Cohort> cohorts = {
      {"a", {Measured("1", 4, 2), Measured("2", 4, 2), Measured("3", 6, 9)}, {Measured("v", 20, 99)}, {}},
      {"b", {Measured("4", 3, 4), Measured("5", 3, 4)}, {}, {Measured("t", 20, 99)}}};
  Fingerprint sum;
  for (const Cohort& cohort : cohorts) {
    Fingerprint own;
    for (const StudyPatient& patient : cohort.training) own.AddPatient(std::vector{*patient.measure});
    sum = Merge(sum, Shareable(own, 2));
  }
  const CohortsPlan plan = PlanFrom(cohorts, Base(), {});
  EXPECT_EQ(plan.fingerprint, sum) << "training patients alone";
  EXPECT_EQ(plan.planned.plan, PlanRun(sum, Base()).plan);
  EXPECT_TRUE(plan.fingerprint.spacing[0].hidden) << "the one patient of 6 mm is not told";
  EXPECT_LT(plan.planned.plan.prep.pet_high, 9);
}

TEST(PlanFromCohorts, AHospitalOfFewPatientsIsNamed) {
  const std::vector<Cohort> cohorts = {{"a", {Measured("1", 4, 2), Measured("2", 4, 2)}, {}, {}},
                                       {"b", {Measured("4", 3, 4)}, {}, {}}};
  ExpectError(ErrorCode::kFailedPrecondition, "b has 1 training patients, too few to tell a planner about: it takes 2",
              [&] { PlanFrom(cohorts, Base(), {}); });
}

// From DICOM files to the plan and back to prepared samples.
TEST(PlanFromCohorts, PhantomsArePlannedAndPreparedByTheirPlan) {
  const TemporaryFolder folder;
  WritePhantoms({.dir = folder / "north", .patients = 3, .style = "north", .seed = 5});
  CohortOptions options;
  options.prep.spacing_mm = 8;
  options.validation = 1;
  options.measure = true;
  std::vector<Cohort> cohorts = {LoadCohort("north", folder / "north", {}, options)};
  ASSERT_EQ(cohorts[0].training.size(), 2u);
  const RunPlan plan = PlanFrom(cohorts, Base(), {.memory_gb = 1, .first_features = 8}).planned.plan;
  EXPECT_NEAR(plan.prep.spacing_mm, 4, 0.08) << "north's PET";
  EXPECT_GT(plan.prep.pet_mean, 3) << "tumours of SUV 5 to 10";
  EXPECT_LT(plan.prep.pet_mean, 10);
  options.prep = plan.prep;
  options.measure = false;
  cohorts = {LoadCohort("north", folder / "north", {}, options)};
  EXPECT_FALSE(cohorts[0].training[0].measure.has_value());
  EXPECT_EQ(cohorts[0].training[0].sample.grid.spacing_mm.x, plan.prep.spacing_mm);
  // Normalised by the plan: values in tumours have about mean 0 and deviation 1.
  double sum = 0, squares = 0, count = 0;
  for (const StudyPatient& patient : cohorts[0].training) {
    for (std::size_t n = 0; n < patient.sample.label.size(); ++n) {
      if (patient.sample.label[n] == 0) continue;
      const auto value = static_cast<double>(patient.sample.image[n]);
      sum += value;
      squares += value * value;
      ++count;
    }
  }
  EXPECT_NEAR(sum / count, 0, 0.3);
  EXPECT_NEAR(squares / count, 1, 0.4);
}

}  // namespace
}  // namespace consilium
