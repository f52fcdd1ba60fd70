// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/plan_from_cohorts.h"

#include "core/base/error.h"

namespace consilium {

CohortsPlan PlanFrom(std::span<const Cohort> cohorts, const RunPlan& base, const PlannerOptions& options) {
  CohortsPlan out;
  const std::int64_t least = base.eligibility.min_patients;
  for (const Cohort& cohort : cohorts) {
    Fingerprint own;
    for (const StudyPatient& patient : cohort.training) {
      Ensure(patient.measure.has_value(), "patients are measured when a plan is made from them");
      own.AddPatient(std::span(&*patient.measure, 1));
    }
    if (own.patients < least) {
      throw Error(ErrorCode::kFailedPrecondition,
                  cohort.site + " has " + std::to_string(own.patients) +
                      " training patients, too few to tell a planner about: it takes " + std::to_string(least),
                  "Lower eligibility.min_patients in the plan, or leave --planned out.");
    }
    out.fingerprint = Merge(out.fingerprint, Shareable(own, least));
  }
  out.planned = PlanRun(out.fingerprint, base, options);
  return out;
}

}  // namespace consilium
