// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/round/local_round.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "core/model/safetensors.h"
#include "core/round/site_seed.h"
#include "imaging/findings/find_lesions.h"
#include "learning/evaluate.h"
#include "learning/predictor.h"
#include "learning/work_along.h"

namespace consilium {

void RequireModelFitsPlan(const GlobalModel& model, const RunPlan& plan) {
  if (model.card.prep.digest() != plan.prep.digest()) {
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("the model was made for data prepared by plan {}, the run prepares by plan {}",
                            model.card.prep.digest().Short(), plan.prep.digest().Short()),
                "Start the run with a model made for its `prep` section, or without --from.");
  }
  if (model.card.Label() != plan.Label()) {
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("the model finds {}, the run asks for {}", model.card.Label().Text(), plan.Label().Text()),
                "Start the run with a model made for its `labels`, or without --from.");
  }
  if (model.card.network != plan.network) {
    throw Error(ErrorCode::kFailedPrecondition, "the model is of another network than the plan's `network` section",
                "Start the run with a model of its network, or without --from.");
  }
}

LocalRound::LocalRound(std::filesystem::path dir, Device device, int threads, ProcessGroup* processes)
    : dir_(std::move(dir)), own_(dir_ / "own"), device_(device), threads_(threads), processes_(processes) {}

ModelUpdate LocalRound::Run(const LocalTask& task, std::stop_token stop, const LocalProgress& progress) {
  const auto began = std::chrono::steady_clock::now();
  const RunPlan& plan = task.plan;
  const GlobalModel& model = task.model;
  RequireModelFitsPlan(model, plan);
  if (task.training.empty()) {
    throw Error(ErrorCode::kFailedPrecondition, "this site has no training patients",
                "Import patients with a contour: consilium-site import DIR");
  }
  Ensure(task.training_patients >= 1 && task.training_patients <= std::ssize(task.training),
         "more patients than cases, or none");
  const ComputeOptions compute{device_, threads_, plan.train.precision};

  ModelUpdate update;
  update.id = task.id;
  update.base = model.digest;
  const Parameters start = own_.In(model, task.id.round.value());
  if (progress) progress(LocalStage::kEvaluating, 0);
  if (!task.validation.empty()) {
    Predictor predictor(plan.network, plan.prep, start, compute);
    for (const Sample& sample : task.validation) {
      ProbabilityMap probability = predictor.Predict(sample, {.patch = plan.train.patch}, stop);
      Add(update.metrics.validation, DiceOf(probability, sample));
      if (plan.predict.components != "validation") continue;
      KeepLargest(probability);
      Add(update.metrics.largest, DiceOf(probability, sample));
    }
  }

  const TrainOutcome outcome = Train(task, start, compute, stop, progress);
  KeepMomentum(task.id, outcome.optimizer);

  update.delta = Difference(outcome.parameters, start);
  own_.Keep(plan, task.id, outcome.parameters, update.delta);
  update.metrics.loss = outcome.mean_loss;
  update.metrics.steps = outcome.steps;
  update.metrics.samples = task.training_patients;
  update.metrics.with = {outcome.precision, outcome.device, outcome.threads};
  update.metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  LogInfo("trained", {{"run", task.id.run},
                      {"round", task.id.round},
                      {"loss", outcome.mean_loss},
                      {"dice", update.metrics.validation.Mean()},
                      {"steps", outcome.steps},
                      {"seconds", outcome.seconds},
                      {"precision", outcome.precision},
                      {"device", outcome.device},
                      {"threads", outcome.threads}});
  return update;
}

TrainOutcome LocalRound::Train(const LocalTask& task, const Parameters& start, const ComputeOptions& compute,
                               const std::stop_token& stop, const LocalProgress& progress) {
  const RunPlan& plan = task.plan;
  TrainPosition position;
  position.first_step = (task.id.round.value() - 1) * plan.train.steps;
  position.total_steps = plan.TotalSteps();
  position.seed = SiteSeed(plan, task.id.site);
  const OptimizerState before = MomentumBefore(task.id, start);
  const auto train = [&](ProcessGroup* processes) {
    Trainer trainer(plan.network, plan.prep, compute, processes);
    if (processes != nullptr) AnnounceTraining(*processes, plan, position);
    return trainer.Train(start, before, task.training, plan.train, position, stop, [&](const TrainProgress& at) {
      if (progress) progress(LocalStage::kTraining, static_cast<double>(at.step) / static_cast<double>(at.steps));
    });
  };
  if (processes_ != nullptr && !processes_->left()) {
    try {
      return train(processes_);
    } catch (const Error& error) {
      if (!processes_->left()) throw;
      LogWarning("training goes on without the other processes", {{"reason", error.what()}});
    }
  }
  return train(nullptr);
}

std::filesystem::path LocalRound::MomentumFile(const RunId& run, std::int64_t round) const {
  return dir_ / fmt::format("{}-{}.safetensors", run.text(), round);
}

// After the latest earlier round that this site took part in: a repeated round starts from where its first try did.
OptimizerState LocalRound::MomentumBefore(const SubmissionId& id, const Parameters& layout) const {
  for (std::int64_t round = id.round.value() - 1; round >= 1; --round) {
    const std::filesystem::path file = MomentumFile(id.run, round);
    if (!std::filesystem::exists(file)) continue;
    OptimizerState state = OptimizerStateFrom(ReadParametersFile(file).parameters);
    RequireSameLayout(state.momentum, layout, "the momentum kept from the last round");
    return state;
  }
  return {};
}

void LocalRound::KeepMomentum(const SubmissionId& id, const OptimizerState& optimizer) const {
  const std::int64_t round = id.round.value();
  const std::filesystem::path now = MomentumFile(id.run, round), before = MomentumFile(id.run, round - 1);
  if (!optimizer.empty()) WriteFileDurably(now, SerializeParameters(ToParameters(optimizer), {}));
  for (const auto& entry : std::filesystem::directory_iterator(dir_))
    if (entry.is_regular_file() && entry.path() != now && entry.path() != before) std::filesystem::remove(entry.path());
}

}  // namespace consilium
