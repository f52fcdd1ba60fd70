// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/run_plan.h"

#include <algorithm>

#include "core/base/config.h"
#include "core/base/error.h"

namespace consilium {
namespace {

RunPlan Parse(ConfigReader reader, std::string_view name) {
  RunPlan plan;
  try {
    plan.Visit(reader);
    reader.Finish();
  } catch (const Error& error) {
    throw Error(
        error.code(), error.what(),
        error.next_step() + (error.next_step().empty() ? "" : "  ") + "All keys: consilium-hub run start --explain");
  }
  try {
    plan.Validate();
  } catch (const Error& error) {
    throw Error(error.code(), std::string(name) + ": " + error.what(), error.next_step());
  }
  return plan;
}

std::string Print(RunPlan plan, Comments comments) {
  ConfigPrinter printer(comments);
  plan.Visit(printer);
  return printer.text();
}

}  // namespace

CodedConcept RunPlan::Label() const {
  Require(labels.size() == 1,
          "`labels` names " + std::to_string(labels.size()) +
              " labels; a network of today tells one "
              "from the background",
          "Name one: labels = [\"SCT 108369006 Neoplasm\"]");
  CodedConcept code;
  try {
    code = ParseCodedConcept(labels.front());
  } catch (const Error& error) {
    throw Error(error.code(), std::string("`labels`: ") + error.what(), error.next_step());
  }
  Require(!code.meaning.empty(), "`labels`: " + code.Key() + " has no meaning for people",
          "Write scheme, value and meaning, such as \"SCT 108369006 Neoplasm\".");
  return code;
}

void RunPlan::Validate() const {
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  Require(letters && !name.empty() && name.size() <= 60, "`name` must be 1 to 60 letters, digits and '-'",
          "Give the run a name: name = \"sarcoma\"");
  Require(rounds >= 1 && rounds <= 10000, "`rounds` must lie between 1 and 10000");
  Require(target_dice >= 0 && target_dice <= 1, "`target_dice` must lie between 0 and 1");
  Require(patience >= 0 && patience <= 10000, "`patience` must lie between 0 and 10000");
  Require(seed >= 0, "`seed` must not be negative");
  Label();
  Require(eligibility.min_sites >= 1 && eligibility.min_sites <= 10000,
          "`eligibility.min_sites` must lie between 1 and 10000");
  Require(eligibility.min_patients >= 1, "`eligibility.min_patients` must be at least 1");
  Require(round.quorum >= 1 && round.quorum <= 10000, "`round.quorum` must lie between 1 and 10000");
  Require(round.quorum <= eligibility.min_sites,
          "`round.quorum` is " + std::to_string(round.quorum) + ", more than the " +
              std::to_string(eligibility.min_sites) + " sites of `eligibility.min_sites`",
          "Raise `eligibility.min_sites` or lower `round.quorum`.");
  Require(round.deadline_s > 0 && round.deadline_s <= 30 * 86400.0,
          "`round.deadline_s` must be above 0 and at most 30 days (2592000)");
  // Which rules there are the hub knows (MakeAggregator), and says when a run is started.
  Require(!aggregation.rule.empty() && aggregation.rule.size() <= 40, "`aggregation.rule` must name a rule",
          "Give it: rule = \"fedavg\"");
  Require(aggregation.weight == "patients" || aggregation.weight == "steps",
          "`aggregation.weight` must be patients or steps");
  Require(aggregation.max_update_norm > 0 && aggregation.max_update_norm <= 1e9,
          "`aggregation.max_update_norm` must be above 0 and at most 1e9");
  Require(predict.components == "all" || predict.components == "largest" || predict.components == "validation",
          "`predict.components` must be all, largest or validation");
  Require(aggregation.keep_local == "none" || aggregation.keep_local == "norm",
          "`aggregation.keep_local` must be none or norm");
  Require(aggregation.keep_local == "none" || train.local == "steps",
          "`aggregation.keep_local` needs `train.local` = steps: a gradient leaves every array as it was");
  Require(personal.steps >= 0 && personal.steps <= 1000000, "`personal.steps` must lie between 0 and 1000000");
  Require(personal.learning_rate > 0 && personal.learning_rate <= 10,
          "`personal.learning_rate` must be above 0 and at most 10");
  Require(personal.steps == 0 || train.local == "steps", "`personal.steps` needs `train.local` = steps");
  network.Validate();
  prep.Validate();
  train.Validate();
  Require(train.local == "steps" || train.steps == 1,
          "`train.steps` must be 1 where `train.local` is gradient: the federation takes one step a round",
          "Set train.steps = 1 and rounds to the number of steps.");
  Require(train.patch == network.PatchFrom(train.patch),
          "`train.patch` is " + std::to_string(train.patch) + "; with " + std::to_string(network.features.size()) +
              " stages it must be a multiple of " + std::to_string(network.GridFactor()) + ", at least twice that",
          "Take " + std::to_string(network.PatchFrom(train.patch)) + ".");
}

std::int64_t WeightOf(const AggregationPlan& plan, const TrainMetrics& metrics) {
  return plan.weight == "steps" ? metrics.steps : metrics.samples;
}

RunPlan ParseRunPlan(std::string_view toml, std::string_view name) {
  return Parse(ConfigReader::FromText(toml, name), name);
}

RunPlan ReadRunPlan(const std::filesystem::path& file) {
  return Parse(ConfigReader::FromFile(file), file.filename().string());
}

std::string ToToml(const RunPlan& plan) { return Print(plan, Comments::kShow); }

std::string ExplainRunPlan() {
  RunPlan plan;
  plan.name = "my-run";
  return Print(plan, Comments::kShow);
}

Digest DigestOf(const RunPlan& plan) { return DigestOf("consilium run plan 1\n" + Print(plan, Comments::kHide)); }

}  // namespace consilium
