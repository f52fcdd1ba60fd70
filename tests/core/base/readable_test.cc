// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/readable.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace consilium {
namespace {

TEST(Readable, WhatIsUtf8StaysAsItIs) {
  for (const char* text :
       {"", "Doe^Jane", "M\u00fcller", "\u5c71\u7530^\u592a\u90ce", "\U0001F3E5", "\u07ff\u0800\uffff"})
    EXPECT_EQ(Readable(text), text);
}

TEST(Readable, OtherBytesAreLatin1) {
  EXPECT_EQ(Readable("M\xfcller"), "M\u00fcller");
  EXPECT_EQ(Readable("\xe9t\xe9"), "\u00e9t\u00e9");
  EXPECT_EQ(Readable("cut \xe5\xb1"), "cut \u00e5\u00b1");
}

TEST(Readable, ControlsAreShownAndDoNothing) {
  EXPECT_EQ(Readable("a\x1b[31mb\nc\x7f"), "a?[31mb?c?");
  EXPECT_EQ(Readable(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(Readable("\x9b\xff"), "?\u00ff");
}

TEST(Readable, MarkupIsEscaped) {
  EXPECT_EQ(EscapedMarkup("<a b=\"c\"> & d\u00fc"), "&lt;a b=&quot;c&quot;&gt; &amp; d\u00fc");
}

// Overlong forms, surrogates and what lies above U+10FFFF are no UTF-8; whatever comes in, JSON takes what comes out.
TEST(Readable, AnyTwoAndThreeBytesCanBePutIntoJson) {
  for (const char* bad : {"\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5"})
    EXPECT_NE(Readable(bad), bad);
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string two{static_cast<char>(a), static_cast<char>(b)};
      ASSERT_NO_THROW(nlohmann::json(Readable(two)).dump());
      ASSERT_NO_THROW(nlohmann::json(Readable("\xe2" + two)).dump());
      ASSERT_NO_THROW(nlohmann::json(Readable(two + "\xb0\x80")).dump());
    }
  }
}

}  // namespace
}  // namespace consilium
