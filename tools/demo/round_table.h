// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "core/base/terminal.h"
#include "proto/site.pb.h"
#include "tools/demo/result.h"

namespace consilium {

// The rounds as they end, one line each: validation Dice of every hospital and pooled, and the bytes that went up.
// Under them, on a terminal, what each hospital does now. A row shows the model that the round STARTED from.
class RoundTable {
 public:
  RoundTable(std::ostream& out, TerminalStyle style, std::vector<std::string> sites);

  void Show(const v1::FederationState& state);
  void Finish(const v1::FederationState& state);  // the last model's line

 private:
  void Row(const std::string& round, const google::protobuf::RepeatedPtrField<v1::SiteResult>& results, double dice,
           const std::string& bytes);

  std::ostream& out_;
  const TerminalStyle style_;
  const std::vector<std::string> sites_;
  int shown_ = 0;      // rounds printed
  std::string spark_;  // one character a round
  std::optional<ProgressLine> line_;
};

// Of a run that is done.
std::vector<DemoResult::Round> RoundsOf(const v1::FederationState& state);

}  // namespace consilium
