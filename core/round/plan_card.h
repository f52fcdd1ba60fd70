// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/model/model_card.h"
#include "core/round/run_plan.h"

namespace consilium {

// The card of a plan's first model: network, preparation, label, seed and how it predicts; of no federation or run.
ModelCard CardOf(const RunPlan& plan);

// How a model of the plan predicts: the edge of its tiles, whether by mirroring, with which arrays of the hospital's
// own, and whether the largest part alone counts, where the plan says so; where the validation patients shall say, the
// card's own stays.
void SetPrediction(ModelCard& card, const RunPlan& plan);

}  // namespace consilium
