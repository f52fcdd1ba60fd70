// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/console/run_watcher.h"

#include "hub/console/text.h"
#include "hub/plain_words.h"

namespace consilium {

RunWatcher::RunWatcher(std::ostream& out, TerminalStyle style, std::size_t width)
    : out_(out), style_(style), width_(width) {}

bool RunWatcher::Show(const v1::FederationState& state) {
  if (!state.has_run()) {
    if (phase_.empty()) Line("No run yet; waiting for one.");
    phase_ = "none";
    return true;
  }
  const v1::RunView& run = state.run();
  if (run.run() != run_) {
    run_ = run.run();
    rounds_ = 0;
    phase_.clear();
  }
  for (; rounds_ < run.history_size(); ++rounds_) Line(RoundLine(run.history(rounds_)));
  if (Ended(run)) {
    Line(EndText(run));
    return false;
  }
  if (style_ != TerminalStyle::kPlain) {
    Live(RunLine(state));
  } else if (run.phase() != phase_ && (run.phase() == "waiting" || run.phase() == "finishing" || phase_.empty())) {
    Line(RunLine(state));
  }
  phase_ = run.phase();
  return true;
}

void RunWatcher::Line(const std::string& text) {
  if (live_) out_ << "\r\x1b[K";
  live_ = false;
  out_ << text << '\n' << std::flush;
}

void RunWatcher::Live(const std::string& text) {
  live_ = true;
  out_ << '\r' << PlainWords(text, width_ - 1) << "\x1b[K" << std::flush;
}

}  // namespace consilium
