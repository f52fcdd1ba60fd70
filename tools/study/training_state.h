// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/model/parameters.h"
#include "learning/optimizer_state.h"

namespace consilium {

// A training under way: all that going on needs. It ends in the same bits, stopped or not.
struct TrainingState {
  std::string training;  // which one: of what plan, with whom, how long
  Parameters parameters;
  OptimizerState optimizer;
  std::int64_t steps = 0;  // done
  double seconds = 0;
  std::vector<double> loss;  // of each stretch done
};

// One safetensors file: the optimiser's arrays as ToParameters names them, the model's behind "parameters/", the rest
// as metadata. Written durably: a stop while writing leaves the older one.
void KeepTraining(const TrainingState& state, const std::filesystem::path& file);

// Nothing if there is no file. Throws Error(kFailedPrecondition) for another training, kInvalidArgument for a file that
// is none.
std::optional<TrainingState> FindTraining(const std::string& training, const std::filesystem::path& file);

}  // namespace consilium
