// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/federation.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/round/site_seed.h"
#include "cuda/ops/fixed_point_sum.h"
#include "learning/trainer.h"
#include "tools/study/local_model.h"

namespace consilium {
namespace {

// One hospital during a run: what stays with it from round to round.
struct Hospital {
  std::string site;
  std::vector<Sample> samples;
  OptimizerState momentum;
};

struct RoundOutcome {
  WeightedUpdate update;
  double loss = 0;
};

RoundOutcome TrainOneRound(const RunPlan& plan, const Parameters& global, Hospital& hospital, std::int64_t round,
                           std::stop_token stop) {
  Trainer trainer(plan.network, plan.prep, {Device{}, 1, plan.train.precision});
  const TrainPosition position{round * plan.train.steps, plan.TotalSteps(), SiteSeed(plan, SiteId(hospital.site))};
  TrainOutcome outcome = trainer.Train(global, hospital.momentum, hospital.samples, plan.train, position, stop);
  hospital.momentum = std::move(outcome.optimizer);
  return {{Difference(outcome.parameters, global), std::ssize(hospital.samples)}, outcome.mean_loss};
}

// Runs job(0) .. job(count - 1) on `threads` threads; the first failure stops the rest and is thrown.
void SideBySide(std::size_t count, int threads, const std::function<void(std::size_t)>& job) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < threads; ++i) {
      pool.emplace_back([&] {
        for (std::size_t at = next++; at < count; at = next++) {
          try {
            job(at);
          } catch (const std::exception&) {
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
            next = count;
          }
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

Parameters AverageUpdates(const Parameters& base, std::span<const WeightedUpdate> updates) {
  Require(!updates.empty(), "there is no update to average");
  std::int64_t total_weight = 0;
  for (const WeightedUpdate& update : updates) {
    RequireSameLayout(update.delta, base, "an update");
    total_weight += update.weight;
  }
  Parameters next = base;
  for (std::size_t a = 0; a < next.arrays.size(); ++a) {
    std::vector<float>& values = next.arrays[a].values;
    std::vector<std::int64_t> sum(values.size(), 0);
    for (const WeightedUpdate& update : updates) AddFixedPoint(update.delta.arrays[a].values, update.weight, sum);
    std::vector<float> mean(values.size());
    MeanFromFixedPoint(sum, total_weight, mean);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += mean[i];
  }
  return next;
}

SimulatedFederation SimulateFederation(const RunPlan& plan, const Parameters& first, std::span<const Cohort> cohorts,
                                       int threads, const std::function<void(std::int64_t, double)>& progress,
                                       std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<Hospital> hospitals;
  for (const Cohort& cohort : cohorts) {
    hospitals.push_back({cohort.site, {}, {}});
    for (const StudyPatient& patient : cohort.training) hospitals.back().samples.push_back(patient.sample);
  }
  SimulatedFederation result;
  result.parameters = first;
  result.update_bytes = first.Count() * static_cast<std::int64_t>(sizeof(float));
  for (std::int64_t round = 0; round < plan.rounds; ++round) {
    std::vector<RoundOutcome> outcomes(hospitals.size());
    SideBySide(hospitals.size(), threads,
               [&](std::size_t i) { outcomes[i] = TrainOneRound(plan, result.parameters, hospitals[i], round, stop); });
    std::vector<WeightedUpdate> updates;
    double loss = 0, weight = 0;
    for (RoundOutcome& outcome : outcomes) {
      loss += outcome.loss * static_cast<double>(outcome.update.weight);
      weight += static_cast<double>(outcome.update.weight);
      updates.push_back(std::move(outcome.update));
    }
    result.parameters = AverageUpdates(result.parameters, updates);
    result.loss.push_back(loss / weight);
    if (progress) progress(round + 1, loss / weight);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace consilium
