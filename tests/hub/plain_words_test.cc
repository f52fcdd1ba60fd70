// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/plain_words.h"

#include <gtest/gtest.h>

namespace consilium {
namespace {

TEST(PlainWords, KeepsWhatPeopleWrite) {
  const std::string words = "Zürich – 3 × 4 ≠ 東京 \xf0\x9f\x98\x80";
  EXPECT_EQ(PlainWords(words, 300), words);
  EXPECT_EQ(PlainWords("", 10), "");
}

TEST(PlainWords, CutsBetweenTwoCharacters) {
  EXPECT_EQ(PlainWords("abc", 2), "ab");
  EXPECT_EQ(PlainWords("aü", 3), "aü");
  EXPECT_EQ(PlainWords("aü", 2), "a");
  EXPECT_EQ(PlainWords("東京", 5), "東");
  EXPECT_EQ(PlainWords("\xf0\x9f\x98\x80", 3), "");
}

TEST(PlainWords, WhatMovesATerminalsCursorBecomesAQuestionMark) {
  EXPECT_EQ(PlainWords("a\x1b[2Jb\r\nc\x7f", 100), "a?[2Jb??c?");
  EXPECT_EQ(PlainWords(std::string("a\0b", 3), 100), "a?b");
  EXPECT_EQ(PlainWords("\xc2\x9b|\xc2\xa0", 100), "?|\xc2\xa0");  // C1: another way to write ESC [
}

TEST(PlainWords, BytesThatAreNoUtf8BecomeQuestionMarks) {
  EXPECT_EQ(PlainWords("a\xff\xfe", 100), "a??");
  EXPECT_EQ(PlainWords("\x80|\xc0\xaf|\xc1\xbf", 100), "?|??|??");                      // middle; longer than needed
  EXPECT_EQ(PlainWords("\xe0\x9f\xbf|\xed\xa0\x80|\xe2\x82", 100), "???|???|??");       // long, surrogate, torn
  EXPECT_EQ(PlainWords("\xf0\x8f\xbf\xbf|\xf4\x90\x80\x80|\xf5", 100), "????|????|?");  // long, beyond U+10FFFF
  EXPECT_EQ(PlainWords("\xee\x80\x80|\xf4\x8f\xbf\xbf", 100), "\xee\x80\x80|\xf4\x8f\xbf\xbf");
}

}  // namespace
}  // namespace consilium
