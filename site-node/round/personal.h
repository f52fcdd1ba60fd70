// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <stop_token>

#include "core/base/ids.h"
#include "core/data/sample.h"
#include "core/model/metrics.h"
#include "core/round/run_plan.h"
#include "learning/compute.h"

namespace consilium {

// A run's last model, trained on by one hospital on its own patients (PersonalPlan).
struct Personal {
  Parameters parameters;
  DiceSummary before, after;  // of the hospital's own validation patients
  // Without validation patients nobody can say that it is no worse, and it is not used.
  bool Better() const { return after.cases > 0 && after.sum >= before.sum; }
};

// `start` is the last model with the hospital's own arrays. `progress` is called with the share of steps done. The same
// plan, site and patients give the same numbers. Throws as the Trainer does.
Personal TuneForItself(const RunPlan& plan, const SiteId& site, const Parameters& start,
                       std::span<const Sample> training, std::span<const Sample> validation,
                       const ComputeOptions& compute, std::stop_token stop,
                       const std::function<void(double)>& progress = {});

}  // namespace consilium
