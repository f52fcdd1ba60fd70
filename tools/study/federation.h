// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "core/base/ids.h"
#include "core/model/model_card.h"
#include "core/round/run_plan.h"
#include "tools/study/cohort.h"

namespace consilium {

struct FederationOptions {
  std::filesystem::path dir = {};  // where updates and each round's model lie meanwhile
  bool go_on = false;              // after the last round that lies in `dir`; else what was there is removed first
  int threads = 1;                 // hospitals that train side by side, each on one processor thread
  FederationId federation = {};    // of the model card; empty: a study's
  RunId run = RunId("study-1");
};

// Whether each hospital ends with a version of its own: with arrays that stay there, or tuned for itself.
bool HasOwnVersions(const RunPlan& plan);

struct SimulatedFederation {
  GlobalModel model;              // the last global one
  std::vector<double> loss;       // of each round: mean over hospitals, weighted by training patients
  std::int64_t update_bytes = 0;  // of one hospital's update file
  double seconds = 0;
  std::vector<Parameters> own;  // each hospital's own version of the model, in their order, where HasOwnVersions
};

// Throws Error(kInvalidArgument) naming the rules there are, unless the hub knows the plan's.
void RequireKnownRule(const RunPlan& plan);

// A run in one process, of the product's own parts and without the network: RunState decides, LocalRound trains,
// PrivacyGuard seals, Screener judges, the plan's Aggregator averages. Hub and sites as separate programs make the same
// model from the same plan and patients, to the bit, where federation and run have the same names. The result does
// not depend on `threads`. `progress` is called after each round with the rounds done and the loss. Throws Error: of
// the parts, and kFailedPrecondition with the run's own words when it fails or cannot begin, or when `dir` holds a
// federation of another plan. A federation that was stopped and goes on ends with the same model, to the bit, if plan
// and patients are the same.
SimulatedFederation SimulateFederation(const RunPlan& plan, std::span<const Cohort> cohorts,
                                       const FederationOptions& options,
                                       const std::function<void(std::int64_t, double)>& progress,
                                       std::stop_token stop = {});

}  // namespace consilium
