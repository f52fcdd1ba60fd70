// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/aggregate/next_model.h"

#include <span>
#include <vector>

#include "core/round/plan_card.h"
#include "hub/aggregate/aggregator.h"
#include "hub/store/spooled_update.h"

namespace consilium {

NextModel MakeNextModel(const RunState& state, const Aggregate& sum, const GlobalModel& base,
                        const std::function<std::filesystem::path(const SubmissionId&)>& file_of) {
  NextModel next{base.card, {}};
  SetPrediction(next.card, state.plan);
  next.card.run = state.run;
  next.card.version = base.card.version.Next();
  next.card.parent = sum.base;
  next.card.sites = std::ssize(sum.updates);
  next.card.samples = 0;
  DiceSummary whole, largest;  // of the model before, on the same validation cases
  std::vector<SpooledUpdate> updates;
  updates.reserve(sum.updates.size());
  std::vector<UpdateSource> sources;
  for (const AcceptedUpdate& accepted : sum.updates) {
    const SpooledUpdate& update = updates.emplace_back(file_of(accepted.id), accepted.id.Text());
    sources.push_back({WeightOf(state.plan.aggregation, accepted.metrics),
                       [&update](std::int64_t first, std::span<float> values) { update.Read(first, values); }});
    next.card.samples += accepted.metrics.samples;
    if (accepted.metrics.largest.cases == 0) continue;
    whole = Merge(whole, accepted.metrics.validation);
    largest = Merge(largest, accepted.metrics.largest);
  }
  if (state.plan.predict.components == "validation" && largest.cases > 0)
    next.card.largest_only = largest.sum > whole.sum;
  next.parameters = MakeAggregator(state.plan.aggregation)->Combine(base.parameters, sources);
  return next;
}

}  // namespace consilium
