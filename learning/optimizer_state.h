// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/model/parameters.h"

namespace consilium {

// What the optimiser remembers from step to step. A momentum of 0.99 reaches back a hundred steps, more than a round
// has, so the CALLER keeps this across the rounds of a run (on disk as safetensors: ToParameters). It is the site's own
// and is never sent. Empty before the first step: a site that lost it starts with an empty one.
struct OptimizerState {
  Parameters momentum;       // of the model's layout; sgd's momentum, adamw's first moment
  Parameters second_moment;  // adamw's; else empty
  Parameters average;        // of the weights (TrainPlan::average); else empty
  std::int64_t steps = 0;    // since the moments were zero
  bool empty() const { return momentum.arrays.empty(); }
  friend bool operator==(const OptimizerState&, const OptimizerState&) = default;
};

// All of it as one list of arrays: "momentum/NAME", "second_moment/NAME", "average/NAME" and "steps", and back. Throws
// Error(kInvalidArgument) for arrays that are none of these.
Parameters ToParameters(const OptimizerState& state);
OptimizerState OptimizerStateFrom(const Parameters& arrays);

}  // namespace consilium
