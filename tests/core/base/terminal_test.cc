// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/terminal.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <sstream>

namespace consilium {
namespace {

TEST(TerminalTest, AFileIsPlain) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(StyleOf(file), TerminalStyle::kPlain);
  std::fclose(file);
}

TEST(TerminalTest, ColourOnlyWhereItIsWanted) {
  EXPECT_EQ(Paint("ok", Color::kGreen, TerminalStyle::kPlain), "ok");
  EXPECT_EQ(Paint("ok", Color::kGreen, TerminalStyle::kLive), "ok");
  EXPECT_EQ(Paint("ok", Color::kGreen, TerminalStyle::kColor), "\x1b[32mok\x1b[0m");
}

TEST(TerminalTest, Bars) {
  EXPECT_EQ(ProgressBar(0, 4), "[----]");
  EXPECT_EQ(ProgressBar(0.5, 4), "[##--]");
  EXPECT_EQ(ProgressBar(1, 4), "[####]");
  EXPECT_EQ(ProgressBar(7, 4), "[####]");
  EXPECT_EQ(ProgressBar(-1, 4), "[----]");
  EXPECT_EQ(ProgressBar(std::numeric_limits<double>::quiet_NaN(), 4), "[----]");
}

TEST(ProgressLineTest, PlainLinesAtEachTenthOnly) {
  std::ostringstream out;
  {
    ProgressLine line(out, TerminalStyle::kPlain, "import");
    for (int i = 0; i <= 100; ++i) line.Update(i / 100.0, std::to_string(i) + " studies");
    line.Finish("used 97");
  }
  const std::string text = out.str();
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12);  // 0 %, 10 %, ... 100 %, and the end
  EXPECT_EQ(text.substr(0, text.find('\n')), "import    0 %  0 studies");
  EXPECT_TRUE(text.ends_with("import  100 %  100 studies\nimport  used 97\n")) << text;
}

TEST(ProgressLineTest, ALiveLineIsWrittenOverAndCleared) {
  std::ostringstream out;
  {
    ProgressLine line(out, TerminalStyle::kLive, "x");
    line.Update(0.5, "a long note");
    line.Update(1, "short");
    line.Finish("done");
  }
  EXPECT_EQ(out.str(), std::string("\rx  [########--------]  50 %  a long note"
                                   "\rx  [################] 100 %  short      "
                                   "\rx  done") +
                           std::string(27, ' ') + "\n");
}

TEST(ProgressLineTest, AnUnfinishedLiveLineEndsWithItsLine) {
  std::ostringstream out;
  { ProgressLine(out, TerminalStyle::kLive, "x").Update(0.25); }
  EXPECT_TRUE(out.str().ends_with("25 %\n"));
  std::ostringstream nothing;
  { ProgressLine line(nothing, TerminalStyle::kLive, "x"); }
  EXPECT_EQ(nothing.str(), "");
}

TEST(TableTest, NumbersAreFlushRight) {
  Table table({"site", "patients", "Dice", "state"});
  table.Row({"north", "412", "0.81", "connected"});
  table.Row({"st-märy", "9", "-", "waiting"});
  EXPECT_EQ(table.Text(),
            "site     patients  Dice  state\n"
            "north         412  0.81  connected\n"
            "st-märy         9     -  waiting\n");
}

TEST(TableTest, AHeadAlone) { EXPECT_EQ(Table({"a", "b"}).Text(), "a  b\n"); }

TEST(TableTest, ARowOfAnotherLengthIsABug) {
  Table table({"a"});
  EXPECT_DEATH(table.Row({"1", "2"}), "another number of cells");
}

}  // namespace
}  // namespace consilium
