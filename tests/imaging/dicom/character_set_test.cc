// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/character_set.h"

#include <gtest/gtest.h>

namespace consilium {
namespace {

TEST(CharacterSet, SingleByteSetsOfTheStandard) {
  EXPECT_EQ(ToUtf8("M\xfcller", "ISO_IR 100"), "Müller");
  EXPECT_EQ(ToUtf8("Wa\xb3\xeasa", "ISO_IR 101"), "Wałęsa");
  EXPECT_EQ(ToUtf8("\xd6"
                   "ura",
                   "ISO_IR 109"),
            "Öura");
  EXPECT_EQ(ToUtf8("B\xe7rzi\xf2\xb9", "ISO_IR 110"), "Bįrziōš");
  EXPECT_EQ(ToUtf8("\xbb\xee\xda\xe1\xd5\xdc\xd1\xe3\xe0\xd3", "ISO_IR 144"), "Люксембург");  // PS3.5 annex
  EXPECT_EQ(ToUtf8("\xe2\xc8\xc7\xe6\xea", "ISO_IR 127"), "قباني");
  EXPECT_EQ(ToUtf8("\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "ISO_IR 126"), "Διονυσιος");
  EXPECT_EQ(ToUtf8("\xf9\xf8\xe5\xef", "ISO_IR 138"), "שרון");
  EXPECT_EQ(ToUtf8("\xc7"
                   "avu\xfeo\xf0lu",
                   "ISO_IR 148"),
            "Çavuşoğlu");
  EXPECT_EQ(ToUtf8("\xa4", "ISO_IR 203"), "€");
  EXPECT_EQ(ToUtf8("\xb9\xd2\xc1", "ISO_IR 166"), "นาม");
  EXPECT_EQ(ToUtf8("\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ISO_IR 13"), "ﾔﾏﾀﾞ^ﾀﾛｳ");
  EXPECT_EQ(ToUtf8("M\xc3\xbcller", "ISO_IR 192"), "Müller");
}

// The examples of PS3.5 annexes H, I, J and K.
TEST(CharacterSet, SeveralSetsInOneText) {
  EXPECT_EQ(ToUtf8("Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
                   "\\ISO 2022 IR 87"),
            "Yamada^Tarou=山田^太郎=やまだ^たろう");
  EXPECT_EQ(ToUtf8("\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J", "ISO 2022 IR 13\\ISO 2022 IR 87"),
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎");
  EXPECT_EQ(ToUtf8("Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
                   "\\ISO 2022 IR 149"),
            "Hong^Gildong=洪^吉洞=홍^길동");
  EXPECT_EQ(ToUtf8("Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "GB18030"), "Wang^XiaoDong=王^小东");
  EXPECT_EQ(ToUtf8("Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "\\ISO 2022 IR 58"),
            "Zhang^XiaoDong=张^小东");
  EXPECT_EQ(ToUtf8("Dionysios \x1b-F\xc4\xe9\xef \x1b-AM\xfcller", "\\ISO 2022 IR 126\\ISO 2022 IR 100"),
            "Dionysios Διο Müller");
}

TEST(CharacterSet, WhatIsNotOfTheSetIsShownAsFarAsItCanBe) {
  EXPECT_EQ(ToUtf8("STS_001", ""), "STS_001");
  EXPECT_EQ(ToUtf8("M\xfcller", ""), "Müller") << "no set is said";
  EXPECT_EQ(ToUtf8("M\xc3\xbcller", ""), "Müller");
  EXPECT_EQ(ToUtf8("M\xfcller", "ISO_IR 192"), "Müller") << "not of the set that is said";
  EXPECT_EQ(ToUtf8("M\xfcller", "ISO_IR 9999"), "Müller");
  EXPECT_EQ(ToUtf8("M\xfcller", "ISO-IR 100"), "Müller") << "as some write it";
  EXPECT_EQ(ToUtf8("M\xfcller", "ISO 2022 IR 100 "), "Müller");
  EXPECT_EQ(ToUtf8("a\x1bZb\xfc", "ISO_IR 100"), "a\x1bZbü") << "an escape sequence of nobody";
  EXPECT_EQ(ToUtf8("\x1b$B;", "\\ISO 2022 IR 87"), "\x1b$B;") << "cut off";
  EXPECT_EQ(ToUtf8("", "ISO_IR 100"), "");
}

}  // namespace
}  // namespace consilium
