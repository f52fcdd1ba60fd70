// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/local_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/round/site_seed.h"
#include "imaging/findings/find_lesions.h"
#include "imaging/findings/segmentation_metrics.h"
#include "imaging/prepare/preparer.h"
#include "learning/trainer.h"
#include "learning/work_along.h"
#include "tools/study/training_state.h"

namespace consilium {

namespace fs = std::filesystem;

DiceSummary Summary(std::span<const double> dice) {
  return {std::accumulate(dice.begin(), dice.end(), 0.0), static_cast<std::int64_t>(dice.size())};
}

namespace {

ProbabilityMap OnPet(Predictor& predictor, const StudyPatient& patient, const RunPlan& plan,
                     const std::stop_token& stop) {
  const PredictOptions options{.patch = plan.train.patch, .mirror = plan.predict.mirror};
  return Resample(predictor.Predict(patient.sample, options, stop), patient.pet.geometry);
}

}  // namespace

LabelMap PredictedLesions(Predictor& predictor, const StudyPatient& patient, const RunPlan& plan, bool largest_only,
                          std::stop_token stop) {
  return LesionsOf(OnPet(predictor, patient, plan, stop), patient.pet, largest_only).labels;
}

DiceLists DiceOnPetGrid(const RunPlan& plan, const Parameters& parameters, std::span<const StudyPatient> patients,
                        const ComputeOptions& compute, std::stop_token stop) {
  Predictor predictor(plan.network, plan.prep, parameters, compute);
  DiceLists dice;
  for (const StudyPatient& patient : patients) {
    const ProbabilityMap on_pet = OnPet(predictor, patient, plan, stop);
    dice.whole.push_back(Dice(LesionsOf(on_pet, patient.pet, false).labels, patient.reference));
    dice.largest.push_back(Dice(LesionsOf(on_pet, patient.pet, true).labels, patient.reference));
  }
  return dice;
}

bool DecideLargest(const PredictPlan& plan, const DiceLists& validation) {
  if (plan.components != "validation") return plan.components == "largest";
  return Summary(validation.largest).sum > Summary(validation.whole).sum;
}

namespace {

// One training in plan.rounds stretches, so that its loss can be followed and a stop costs one stretch at most.
// Stretches draw what one long training draws.
LocalModel TrainInStretches(const RunPlan& plan, const Parameters& first, std::span<const Sample> samples,
                            LocalModel model, const TrainOptions& options,
                            const std::function<void(double, double)>& progress, const std::stop_token& stop) {
  Require(
      model.steps > 0 && model.steps % plan.rounds == 0,
      std::to_string(model.steps) + " steps cannot be cut into " + std::to_string(plan.rounds) + " equal stretches");
  TrainPlan train = plan.train;
  train.steps = model.steps / plan.rounds;
  train.proximal = 0;
  RunPlan stretch = plan;
  stretch.train = train;
  Trainer trainer(plan.network, plan.prep, options.compute, options.processes);
  const std::string training = model.site + ", " + std::to_string(model.steps) + " steps of " + DigestOf(plan).Hex();
  std::optional<TrainingState> kept;
  if (!options.keep.empty()) kept = FindTraining(training, options.keep);
  TrainingState state = kept ? std::move(*kept) : TrainingState{training, first, {}, 0, 0, {}};
  while (state.steps < model.steps) {
    const TrainPosition position{state.steps, model.steps, SiteSeed(plan, SiteId(model.site))};
    if (options.processes != nullptr) AnnounceTraining(*options.processes, stretch, position);
    TrainOutcome outcome =
        trainer.Train(state.parameters, state.optimizer, samples, train, position, stop, [&](const TrainProgress& at) {
          if (progress) {
            progress(static_cast<double>(state.steps + at.step) / static_cast<double>(model.steps), at.mean_loss);
          }
        });
    state.parameters = std::move(outcome.parameters);
    state.optimizer = std::move(outcome.optimizer);
    state.steps += outcome.steps;
    state.seconds += outcome.seconds;
    state.loss.push_back(outcome.mean_loss);
    if (!options.keep.empty()) KeepTraining(state, options.keep);
  }
  model.parameters = std::move(state.parameters);
  model.loss = std::move(state.loss);
  model.seconds = state.seconds;
  return model;
}

}  // namespace

LocalModel TrainAlone(const RunPlan& plan, const Parameters& first, const Cohort& cohort, std::int64_t steps,
                      const TrainOptions& options, std::stop_token stop) {
  std::vector<Sample> samples;
  for (const StudyPatient& patient : cohort.training) samples.push_back(patient.sample);
  LocalModel model;
  model.site = cohort.site;
  model.steps = steps;
  model = TrainInStretches(plan, first, samples, std::move(model), options, {}, stop);
  const DiceLists dice = DiceOnPetGrid(plan, model.parameters, cohort.validation, options.compute, stop);
  model.largest_only = DecideLargest(plan.predict, dice);
  model.validation = Summary(dice.That(model.largest_only));
  return model;
}

std::vector<Sample> PooledSamples(std::span<const Cohort> cohorts) {
  std::vector<Sample> samples;
  for (const Cohort& cohort : cohorts) {
    for (const StudyPatient& patient : cohort.training) samples.push_back(patient.sample);
  }
  return samples;
}

LocalModel TrainPooled(const RunPlan& plan, const Parameters& first, std::span<const Cohort> cohorts,
                       const TrainOptions& options, const std::function<void(double, double)>& progress,
                       std::stop_token stop) {
  const std::vector<Sample> samples = PooledSamples(cohorts);
  LocalModel model;
  model.site = "pooled";
  model.steps = plan.TotalSteps() * static_cast<std::int64_t>(cohorts.size());
  model = TrainInStretches(plan, first, samples, std::move(model), options, progress, stop);
  std::vector<StudyPatient> validation;
  if (plan.predict.components == "validation") {
    for (const Cohort& cohort : cohorts)
      validation.insert(validation.end(), cohort.validation.begin(), cohort.validation.end());
  }
  model.largest_only =
      DecideLargest(plan.predict, DiceOnPetGrid(plan, model.parameters, validation, options.compute, stop));
  return model;
}

std::vector<LocalModel> BestLocalModels(const RunPlan& plan, const Parameters& first, std::span<const Cohort> cohorts,
                                        const LocalModelsOptions& options,
                                        const std::function<void(std::int64_t, std::int64_t)>& progress,
                                        std::stop_token stop) {
  const std::int64_t own = plan.TotalSteps(), all = own * static_cast<std::int64_t>(cohorts.size());
  // Longest first, so that no thread is left with a long training at the end.
  std::vector<LocalModel> models(2 * cohorts.size());
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> done{0};
  std::mutex mutex;
  std::exception_ptr failure;
  std::stop_source ends;
  const std::stop_callback asked(stop, [&] { ends.request_stop(); });
  const auto work = [&] {
    for (std::size_t job = next++; job < models.size() && !ends.stop_requested(); job = next++) {
      const Cohort& cohort = cohorts[job % cohorts.size()];
      const std::int64_t steps = job < cohorts.size() ? all : own;
      TrainOptions train;
      train.compute = {Device{}, 1, plan.train.precision};
      if (!options.keep.empty()) train.keep = options.keep / fmt::format("{}-{}.safetensors", cohort.site, steps);
      try {
        models[job] = TrainAlone(plan, first, cohort, steps, train, ends.get_token());
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        ends.request_stop();
        return;
      }
      const std::int64_t count = ++done;
      const std::lock_guard lock(mutex);
      progress(count, static_cast<std::int64_t>(models.size()));
    }
  };
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < options.threads; ++i) pool.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
  if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "training was stopped between two trainings");

  std::vector<LocalModel> best;
  for (std::size_t i = 0; i < cohorts.size(); ++i) {
    LocalModel& longer = models[i];
    LocalModel& shorter = models[i + cohorts.size()];
    best.push_back(std::move(longer.validation.Mean() > shorter.validation.Mean() ? longer : shorter));
  }
  return best;
}

}  // namespace consilium
