// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/round/personal.h"

#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/round/site_seed.h"
#include "learning/evaluate.h"
#include "learning/predictor.h"
#include "learning/trainer.h"

namespace consilium {
namespace {

constexpr std::uint64_t kTuning = 1;  // purpose of its random choices, apart from the run's

DiceSummary Measure(const RunPlan& plan, const Parameters& parameters, std::span<const Sample> validation,
                    const ComputeOptions& compute, const std::stop_token& stop) {
  if (validation.empty()) return {};
  Predictor predictor(plan.network, plan.prep, parameters, compute);
  return Evaluate(predictor, validation, {.patch = plan.train.patch}, stop);
}

}  // namespace

Personal TuneForItself(const RunPlan& plan, const SiteId& site, const Parameters& start,
                       std::span<const Sample> training, std::span<const Sample> validation,
                       const ComputeOptions& compute, std::stop_token stop,
                       const std::function<void(double)>& progress) {
  Ensure(plan.personal.steps > 0, "a plan without steps for each hospital itself");
  TrainPlan train = plan.train;
  train.steps = plan.personal.steps;
  train.learning_rate = plan.personal.learning_rate;
  train.warmup_steps = 0;
  train.proximal = 0;  // there is no federation to stay near
  Trainer trainer(plan.network, plan.prep, compute);
  TrainPosition position;
  position.total_steps = train.steps;
  position.seed = DeriveSeed(SiteSeed(plan, site), kTuning);
  TrainOutcome outcome = trainer.Train(start, {}, training, train, position, stop, [&](const TrainProgress& at) {
    if (progress) progress(static_cast<double>(at.step) / static_cast<double>(at.steps));
  });
  Personal personal{std::move(outcome.parameters), {}, {}};
  personal.before = Measure(plan, start, validation, compute, stop);
  personal.after = Measure(plan, personal.parameters, validation, compute, stop);
  return personal;
}

}  // namespace consilium
