// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "core/model/model_card.h"
#include "core/round/round_state.h"

namespace consilium {

struct NextModel {
  ModelCard card;
  Parameters parameters;
};

// The global model that `sum` makes of `base` by the run's plan: the plan's rule and weights over the accepted updates,
// whose files `file_of` names, and the card that tells where the model is from. Reads the updates piece by piece.
// Throws Error: of Combine, and kInvalidArgument for a file that is no update.
NextModel MakeNextModel(const RunState& state, const Aggregate& sum, const GlobalModel& base,
                        const std::function<std::filesystem::path(const SubmissionId&)>& file_of);

}  // namespace consilium
