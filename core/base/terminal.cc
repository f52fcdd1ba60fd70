// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

// Code points of UTF-8 text: good enough for the letters we print.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool IsNumber(std::string_view cell) {
  return !cell.empty() && cell.find_first_of("0123456789") != std::string_view::npos &&
         cell.find_first_not_of("0123456789.,+-% ") == std::string_view::npos;
}

}  // namespace

TerminalStyle StyleOf(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  if (::isatty(::fileno(stream)) == 0 || term == nullptr || std::string_view(term) == "dumb") {
    return TerminalStyle::kPlain;
  }
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: set and not empty
  return no_color != nullptr && *no_color != '\0' ? TerminalStyle::kLive : TerminalStyle::kColor;
}

std::string Paint(std::string_view text, Color color, TerminalStyle style) {
  if (style != TerminalStyle::kColor) return std::string(text);
  static constexpr const char* kCodes[] = {"\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[1m"};
  return kCodes[static_cast<std::size_t>(color)] + std::string(text) + "\x1b[0m";
}

std::string ProgressBar(double fraction, int width) {
  const double part = fraction > 0 ? std::min(fraction, 1.0) : 0.0;  // a NaN is not above 0
  const auto cells = static_cast<std::size_t>(std::max(width, 1));
  const auto full = static_cast<std::size_t>(std::lround(part * static_cast<double>(cells)));
  return "[" + std::string(full, '#') + std::string(cells - full, '-') + "]";
}

ProgressLine::ProgressLine(std::ostream& out, TerminalStyle style, std::string label)
    : out_(out), style_(style), label_(std::move(label)) {}

ProgressLine::~ProgressLine() {
  if (open_ && shown_ > 0) out_ << std::endl;
}

void ProgressLine::Update(double fraction, std::string_view note) {
  const double part = fraction > 0 ? std::min(fraction, 1.0) : 0.0;
  const int tenths = static_cast<int>(part * 10);
  if (style_ == TerminalStyle::kPlain && tenths <= tenths_) return;
  tenths_ = tenths;
  const std::string percent = std::to_string(static_cast<int>(part * 100));
  std::string line = label_ + "  ";
  if (style_ != TerminalStyle::kPlain) line += ProgressBar(part) + " ";
  line += std::string(3 - std::min<std::size_t>(percent.size(), 3), ' ') + percent + " %";
  if (!note.empty()) line += "  " + std::string(note);
  if (style_ == TerminalStyle::kPlain) {
    out_ << line << std::endl;
    return;
  }
  const std::size_t width = Width(line);
  out_ << '\r' << line << std::string(shown_ > width ? shown_ - width : 0, ' ') << std::flush;
  shown_ = width;
}

void ProgressLine::Finish(std::string_view text) {
  const std::string line = label_ + "  " + std::string(text);
  const std::size_t width = Width(line);
  if (style_ != TerminalStyle::kPlain) out_ << '\r';
  out_ << line << std::string(shown_ > width ? shown_ - width : 0, ' ') << std::endl;
  open_ = false;
}

Table::Table(std::vector<std::string> head) : rows_{std::move(head)} {}

void Table::Row(std::vector<std::string> cells) {
  Ensure(cells.size() == rows_.front().size(), "Table::Row: another number of cells than the head has");
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  const std::size_t columns = rows_.front().size();
  std::vector<std::size_t> width(columns, 0);
  std::vector<bool> number(columns, rows_.size() > 1);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      width[c] = std::max(width[c], Width(rows_[r][c]));
      if (r > 0 && rows_[r][c] != "-" && !IsNumber(rows_[r][c])) number[c] = false;
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string gap(width[c] - Width(row[c]), ' ');
      line += (c > 0 ? "  " : "") + (number[c] ? gap + row[c] : row[c] + gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace consilium
