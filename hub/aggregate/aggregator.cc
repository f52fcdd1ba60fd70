// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/aggregate/aggregator.h"

#include "core/base/error.h"
#include "hub/aggregate/fedavg.h"

namespace consilium {

std::unique_ptr<Aggregator> MakeAggregator(const AggregationPlan& plan) {
  if (plan.rule == "fedavg") return std::make_unique<FedAvg>();
  throw Error(ErrorCode::kInvalidArgument, "the plan's aggregation.rule is '" + plan.rule.substr(0, 40) + "'",
              "This hub knows: fedavg");
}

}  // namespace consilium
