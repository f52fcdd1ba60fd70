// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <ostream>
#include <string>

#include "core/base/terminal.h"
#include "proto/site.pb.h"

namespace consilium {

// Shows a run as it goes on: one line for each finished round; on a terminal also a last line that changes in place,
// elsewhere a line when the phase changes. One thread.
class RunWatcher {
 public:
  // `width`: columns of the terminal; the live line is cut to it.
  RunWatcher(std::ostream& out, TerminalStyle style, std::size_t width = 120);

  bool Show(const v1::FederationState& state);  // false: the run has ended

 private:
  void Line(const std::string& text);  // a line that stays
  void Live(const std::string& text);

  std::ostream& out_;
  TerminalStyle style_;
  std::size_t width_;
  std::string run_, phase_;
  int rounds_ = 0;
  bool live_ = false;
};

}  // namespace consilium
