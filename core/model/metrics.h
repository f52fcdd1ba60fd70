// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace consilium {

// Dice of many cases, mergeable without rounding trouble: mean = sum / cases. Never a list of cases: that stays home.
struct DiceSummary {
  double sum = 0;
  std::int64_t cases = 0;
  double Mean() const { return cases > 0 ? sum / static_cast<double>(cases) : 0.0; }
  friend bool operator==(const DiceSummary&, const DiceSummary&) = default;
};

// What a training was computed with: the choices that change its numbers. All of it empty: not known (an older file).
struct TrainedWith {
  std::string precision;     // "float32", "bfloat16"
  std::string device;        // "cpu", "cuda:0"
  std::int64_t threads = 0;  // processor threads
  friend bool operator==(const TrainedWith&, const TrainedWith&) = default;
};

// What a site says of one round beside the numbers of its update.
struct TrainMetrics {
  double loss = 0;  // mean over the round's steps
  std::int64_t steps = 0;
  std::int64_t samples = 0;  // distinct training patients, whatever number of studies: the FedAvg weight
  DiceSummary validation;    // of the round's INCOMING global model, by case of the site's validation patients
  double seconds = 0;
  TrainedWith with = {};
  // As `validation`, but of each prediction's largest connected part alone; no cases: it was not measured.
  DiceSummary largest = {};
  friend bool operator==(const TrainMetrics&, const TrainMetrics&) = default;
};

// One case more.
inline void Add(DiceSummary& summary, double dice) {
  summary.sum += dice;
  ++summary.cases;
}

// Pools the cases of two summaries.
DiceSummary Merge(const DiceSummary& a, const DiceSummary& b);

// Throws Error(kInvalidArgument) for what no honest site can measure: numbers that are not finite, negative counts, no
// sample, a Dice sum outside 0..cases. `what` begins the sentence.
void RequireSensible(const DiceSummary& dice, std::string_view what);
void RequireSensible(const TrainMetrics& metrics, std::string_view what);

}  // namespace consilium
