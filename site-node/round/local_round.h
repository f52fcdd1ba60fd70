// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>

#include "core/base/ids.h"
#include "core/data/sample.h"
#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "core/round/run_plan.h"
#include "cuda/device.h"
#include "learning/trainer.h"
#include "site-node/round/own_arrays.h"

namespace consilium {

// One round's work in one hospital.
struct LocalTask {
  SubmissionId id;  // of the update that comes out
  const RunPlan& plan;
  const GlobalModel& model;          // to start from
  std::span<const Sample> training;  // one for each case
  std::int64_t training_patients;    // distinct people behind `training`: what the update weighs
  std::span<const Sample> validation;
};

enum class LocalStage { kEvaluating, kTraining };
using LocalProgress = std::function<void(LocalStage stage, double fraction)>;

// Throws Error(kFailedPrecondition) unless the model is the plan's: same network, same preparation of the data. What
// the hub's order says is believed no further than this.
void RequireModelFitsPlan(const GlobalModel& model, const RunPlan& plan);

// Measures the incoming global model on the validation patients, trains it on the training patients and returns the
// difference. Keeps the optimiser's momentum from round to round of a run, and the arrays that stay in this hospital,
// on disk too, so that a restarted site goes on as if nothing had happened. One thread at a time.
class LocalRound {
 public:
  // Keeps its files in `dir`. With `processes`, which it leads and which must outlive it, it trains together with them;
  // when one of them fails, the log says so and it trains alone from then on: the update is the same.
  LocalRound(std::filesystem::path dir, Device device, int threads, ProcessGroup* processes = nullptr);

  const OwnArrays& own() const { return own_; }

  // Throws Error: kFailedPrecondition (nothing to train on, a model that does not fit), kCancelled, and the Trainer's.
  ModelUpdate Run(const LocalTask& task, std::stop_token stop, const LocalProgress& progress = {});

 private:
  TrainOutcome Train(const LocalTask& task, const Parameters& start, const ComputeOptions& compute,
                     const std::stop_token& stop, const LocalProgress& progress);
  OptimizerState MomentumBefore(const SubmissionId& id, const Parameters& layout) const;
  void KeepMomentum(const SubmissionId& id, const OptimizerState& optimizer) const;
  std::filesystem::path MomentumFile(const RunId& run, std::int64_t round) const;

  const std::filesystem::path dir_;
  const OwnArrays own_;
  const Device device_;
  const int threads_;
  ProcessGroup* const processes_;
};

}  // namespace consilium
