// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

#include "core/model/parameters.h"
#include "core/round/run_plan.h"
#include "tools/study/cohort.h"

namespace consilium {

struct SimulatedFederation {
  Parameters parameters;          // the last global model
  std::vector<double> loss;       // of each round: mean over hospitals, weighted by training patients
  std::int64_t update_bytes = 0;  // of one hospital's update, numbers only
  double seconds = 0;
};

// The rounds of a run in one process, without hub, sites and network: every hospital trains from the same global
// model, keeps its momentum, and the differences are averaged by the exact fixed-point sum, weighted by training
// patients. The same arithmetic as hub and sites, so the same plan and patients give the same parameters.
// `threads` hospitals train side by side, each on one processor thread; the result does not depend on it.
// `progress` is called after each round with the rounds done and the loss.
SimulatedFederation SimulateFederation(const RunPlan& plan, const Parameters& first, std::span<const Cohort> cohorts,
                                       int threads, const std::function<void(std::int64_t, double)>& progress,
                                       std::stop_token stop = {});

// base + the weighted mean of updates, as the hub's FedAvg makes it.
struct WeightedUpdate {
  Parameters delta;
  std::int64_t weight = 0;
};
Parameters AverageUpdates(const Parameters& base, std::span<const WeightedUpdate> updates);

}  // namespace consilium
