// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/aggregate/aggregator.h"

#include <array>
#include <string_view>

#include "core/base/error.h"
#include "hub/aggregate/fedavg.h"

namespace consilium {
namespace {

struct Rule {
  std::string_view name;  // aggregation.rule of a plan
  std::unique_ptr<Aggregator> (*make)(const AggregationPlan&);
};

constexpr std::array kRules = {
    Rule{"fedavg", [](const AggregationPlan&) -> std::unique_ptr<Aggregator> { return std::make_unique<FedAvg>(); }},
};

}  // namespace

std::unique_ptr<Aggregator> MakeAggregator(const AggregationPlan& plan) {
  std::string known;
  for (const Rule& rule : kRules) {
    if (plan.rule == rule.name) return rule.make(plan);
    known += (known.empty() ? "" : ", ") + std::string(rule.name);
  }
  throw Error(ErrorCode::kInvalidArgument, "the plan's `aggregation.rule` is \"" + plan.rule.substr(0, 40) + "\"",
              "This hub knows: " + known);
}

}  // namespace consilium
