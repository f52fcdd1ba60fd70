// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "core/round/planner.h"
#include "tools/study/cohort.h"

namespace consilium {

struct CohortsPlan {
  PlannedRun planned;
  Fingerprint fingerprint;  // of all hospitals
};

// The plan that these hospitals would get as a federation: each tells of its training patients only what may leave with
// `eligibility.min_patients` of the base plan, and PlanRun has the sum. The patients were loaded with
// CohortOptions::measure. Throws Error(kFailedPrecondition) naming a hospital of fewer patients.
CohortsPlan PlanFrom(std::span<const Cohort> cohorts, const RunPlan& base, const PlannerOptions& options);

}  // namespace consilium
