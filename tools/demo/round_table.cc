// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/round_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace consilium {
namespace {

char Spark(double dice) {
  static constexpr char kLevels[] = " .:-=+*#%@";
  return kLevels[std::clamp(static_cast<int>(dice * 10), 0, 9)];
}

std::string Doing(const v1::FederationState& state) {
  std::string text;
  for (const auto& site : state.sites()) {
    if (site.progress().empty()) continue;
    text += (text.empty() ? "" : "   ") + site.site() + " " + site.progress();
    if (site.fraction() > 0 && site.fraction() < 1) text += fmt::format(" {:.0f} %", 100 * site.fraction());
  }
  return text;
}

}  // namespace

RoundTable::RoundTable(std::ostream& out, TerminalStyle style, std::vector<std::string> sites)
    : out_(out), style_(style), sites_(std::move(sites)) {
  out_ << fmt::format("{:>7}", "round");
  for (const std::string& site : sites_) out_ << fmt::format("  {:>8}", site);
  out_ << fmt::format("  {:<22}{:>10}\n", "pooled Dice", "bytes up") << std::flush;
}

void RoundTable::Row(const std::string& round, const google::protobuf::RepeatedPtrField<v1::SiteResult>& results,
                     double dice, const std::string& bytes) {
  std::string row = fmt::format("{:>7}", round);
  for (const std::string& site : sites_) {
    const auto result = std::find_if(results.begin(), results.end(), [&](const auto& r) { return r.site() == site; });
    row += result == results.end() ? fmt::format("  {:>8}", "-") : fmt::format("  {:>8.2f}", result->dice());
  }
  spark_ += Spark(dice);
  const std::string recent = spark_.size() > 16 ? spark_.substr(spark_.size() - 16) : spark_;
  out_ << row << fmt::format("  {:.2f}  {:<16}{:>10}\n", dice, recent, bytes) << std::flush;
}

void RoundTable::Show(const v1::FederationState& state) {
  const auto& run = state.run();
  if (run.history_size() > shown_ && line_) {
    line_->Finish("");
    line_.reset();
  }
  for (; shown_ < run.history_size(); ++shown_) {
    const auto& round = run.history(shown_);
    Row(std::to_string(round.round()), round.results(), round.dice(),
        fmt::format("{:.1f} MB", static_cast<double>(round.bytes_up()) / 1e6));
  }
  if (style_ == TerminalStyle::kPlain) return;
  if (!line_) line_.emplace(out_, style_, fmt::format("{:>7} ", run.round()));
  double done = 0;
  for (const auto& site : state.sites()) done += site.fraction();
  line_->Update(state.sites_size() > 0 ? done / state.sites_size() : 0, Doing(state));
}

void RoundTable::Finish(const v1::FederationState& state) {
  Show(state);
  if (line_) line_->Finish("");
  line_.reset();
  Row("end", state.run().final_results(), state.run().final_dice(), "");
}

std::vector<DemoResult::Round> RoundsOf(const v1::FederationState& state) {
  std::vector<DemoResult::Round> rounds;
  for (const auto& round : state.run().history()) {
    rounds.push_back(
        {round.round(), round.seconds(), round.dice(), round.loss(), {round.sites().begin(), round.sites().end()}});
  }
  return rounds;
}

}  // namespace consilium
