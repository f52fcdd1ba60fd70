// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/model/metrics.h"
#include "core/model/parameters.h"
#include "core/round/run_plan.h"
#include "learning/compute.h"
#include "learning/predictor.h"
#include "learning/process_group.h"
#include "tools/study/cohort.h"

namespace consilium {

// What one hospital reaches alone: the same plan, network, first numbers and patients, no federation. FedProx's pull,
// which is there for federations, is left out.
struct LocalModel {
  std::string site;
  std::int64_t steps = 0;
  Parameters parameters;
  DiceSummary validation;     // on its own validation patients, PET grid
  bool largest_only = false;  // of its predictions: DecideLargest on its validation patients
  std::vector<double> loss;   // means of plan.rounds stretches of equal length
  double seconds = 0;
};

// Where a training runs, and the file in which it is kept after each stretch, so that the same call goes on after a
// stop; empty: nowhere.
struct TrainOptions {
  ComputeOptions compute;
  std::filesystem::path keep = {};
  ProcessGroup* processes = nullptr;  // that train along (WorkAlong, with PooledSamples), or null
};

// All hospitals' training patients.
std::vector<Sample> PooledSamples(std::span<const Cohort> cohorts);

// One training on all hospitals' patients together, as if they could be pooled: the federation's total of steps, on
// `options.compute.threads` threads. `progress` is called with the share done and the mean loss of its present stretch.
LocalModel TrainPooled(const RunPlan& plan, const Parameters& first, std::span<const Cohort> cohorts,
                       const TrainOptions& options, const std::function<void(double, double)>& progress,
                       std::stop_token stop = {});

// What a site node would write into a SEG: probability on the PET grid, threshold 0.5, specks left out. Every Dice of a
// study is measured so, whoever made the mask.
// `largest_only`: of the largest connected part alone.
LabelMap PredictedLesions(Predictor& predictor, const StudyPatient& patient, const RunPlan& plan, bool largest_only,
                          std::stop_token stop = {});

// Dice of each patient on the PET grid.
struct DiceLists {
  std::vector<double> whole, largest;  // `largest`: of the largest connected part of each prediction alone
  const std::vector<double>& That(bool largest_only) const { return largest_only ? largest : whole; }
};
DiceLists DiceOnPetGrid(const RunPlan& plan, const Parameters& parameters, std::span<const StudyPatient> patients,
                        const ComputeOptions& compute, std::stop_token stop = {});

// Whether the largest connected part alone counts: as PredictPlan::components says, of Dice on validation patients.
bool DecideLargest(const PredictPlan& plan, const DiceLists& validation);
DiceSummary Summary(std::span<const double> dice);

// Trains one hospital alone for `steps` steps from `first`. Throws Error(kInvalidArgument) unless plan.rounds divides
// them.
LocalModel TrainAlone(const RunPlan& plan, const Parameters& first, const Cohort& cohort, std::int64_t steps,
                      const TrainOptions& options, std::stop_token stop = {});

struct LocalModelsOptions {
  int threads = 1;                  // trainings side by side, each on one processor thread: the result is the same
  std::filesystem::path keep = {};  // folder of their TrainOptions::keep; empty: nowhere
};

// Every hospital alone, twice: with the steps it takes in the federation, and with the federation's total. The better
// on its own validation patients counts. `progress` is called with trainings done and all.
std::vector<LocalModel> BestLocalModels(const RunPlan& plan, const Parameters& first, std::span<const Cohort> cohorts,
                                        const LocalModelsOptions& options,
                                        const std::function<void(std::int64_t, std::int64_t)>& progress,
                                        std::stop_token stop = {});

}  // namespace consilium
