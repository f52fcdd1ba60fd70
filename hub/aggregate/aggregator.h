// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/model/parameters.h"
#include "core/round/run_plan.h"

namespace consilium {

// One accepted update: a flat row of float32 numbers in the model's order, read piece by piece.
struct UpdateSource {
  std::int64_t weight = 1;  // WeightOf the plan: training patients, or steps
  std::function<void(std::int64_t first, std::span<float> values)> read;
};

// Makes the next global model out of the last one and a frozen, screened set of updates. The result must have the same
// bits for every order of the updates, and memory may grow with a piece for each update, never with updates x model.
//
// A new rule is one .h, one .cc, one test, and one line in MakeAggregator.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  virtual Parameters Combine(const Parameters& base, std::span<const UpdateSource> updates) const = 0;
};

// Throws Error(kInvalidArgument) naming the rules there are.
std::unique_ptr<Aggregator> MakeAggregator(const AggregationPlan& plan);

}  // namespace consilium
