// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace consilium {

// How a stream wants its text: kPlain for files and pipes, kLive for a terminal without colour (NO_COLOR, TERM=dumb is
// kPlain), kColor for a terminal.
enum class TerminalStyle { kPlain, kLive, kColor };
TerminalStyle StyleOf(std::FILE* stream);  // stdout or stderr

enum class Color { kGreen, kYellow, kRed, kDim, kBold };
std::string Paint(std::string_view text, Color color, TerminalStyle style);  // unchanged unless kColor

// "[####------------]", `width` cells inside; fraction is clamped to 0..1, not a number is 0.
std::string ProgressBar(double fraction, int width = 16);

// One line of progress: "label  [####----]  30 %  note". Updated in place on a terminal; elsewhere one plain line at
// every tenth. Ends with Finish(), or with the destructor, which leaves the last state. One thread at a time.
class ProgressLine {
 public:
  ProgressLine(std::ostream& out, TerminalStyle style, std::string label);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Update(double fraction, std::string_view note = {});
  void Finish(std::string_view text);  // the line's last words

 private:
  std::ostream& out_;
  TerminalStyle style_;
  std::string label_;
  std::size_t shown_ = 0;  // characters on the live line
  int tenths_ = -1;        // last one printed plainly
  bool open_ = true;
};

// Columns two spaces apart, as wide as their widest cell; columns of numbers are flush right. No colour inside cells.
class Table {
 public:
  explicit Table(std::vector<std::string> head);
  void Row(std::vector<std::string> cells);  // as many as the head has
  std::string Text() const;                  // ends with a line end

 private:
  std::vector<std::vector<std::string>> rows_;  // the head is the first
};

}  // namespace consilium
