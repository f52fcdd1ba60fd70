// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/plan_card.h"

namespace consilium {

void SetPrediction(ModelCard& card, const RunPlan& plan) {
  card.patch = plan.train.patch;
  card.mirror = plan.predict.mirror;
  card.keep_local = plan.aggregation.keep_local;
  if (plan.predict.components != "validation") card.largest_only = plan.predict.components == "largest";
}

ModelCard CardOf(const RunPlan& plan) {
  ModelCard card;
  card.network = plan.network;
  card.prep = plan.prep;
  card.label = plan.Label().Key() + " " + plan.Label().meaning;
  card.seed = static_cast<std::uint64_t>(plan.seed);
  SetPrediction(card, plan);
  return card;
}

}  // namespace consilium
