// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/roster/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "tests/support/expect_error.h"

namespace consilium {
namespace {

// Made with Python's hashlib: the two check characters and the digest that lies in every hub's database.
constexpr char kKnown[] = "CONS-0123-4567-89AB-CDEF-GHJK-MNPQ-QV";
constexpr char kKnownDigest[] = "a414ca38718f9ee8338c49cfe76b79b2d01c26edd801b86209e3a9460977fffc";

TEST(Token, ItsDigestIsTheSameInEveryVersion) { EXPECT_EQ(TokenDigest(kKnown).Hex(), kKnownDigest); }

TEST(Token, IsReadHoweverItIsTyped) {
  for (const char* typed : {"0123456789ABCDEFGHJKMNPQQV", "cons 0123 4567 89ab cdef ghjk mnpq qv\r\n",
                            "consoi23-4567-89ab-cdef-ghjk-mnpq-qv", "\tcons-Ol23-4567-89ab-cdef-ghjk-mnpq-qv "}) {
    EXPECT_EQ(TokenDigest(typed).Hex(), kKnownDigest) << typed;
  }
}

TEST(Token, HasTheFormThatIsReadOutAndUsesEverySymbol) {
  std::set<char> symbols;
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const std::string token(MakeToken().Reveal());
    EXPECT_THAT(token, testing::MatchesRegex("CONS(-[0-9A-HJKMNP-TV-Z]{4}){6}-[0-9A-HJKMNP-TV-Z]{2}"));
    symbols.insert(token.begin() + 5, token.end() - 3);
    tokens.insert(token);
    EXPECT_NO_THROW(TokenDigest(token)) << token;
  }
  EXPECT_EQ(tokens.size(), 100U);
  EXPECT_EQ(symbols.size(), 33U);  // 32 and the hyphen: 2,400 draws miss one with a chance of 1e-31
}

TEST(Token, ASlipIsCaughtBeforeAnythingIsLookedUp) {
  const std::string words = "this is no invitation token: a character is wrong or missing\n  Type it again";
  const std::string known = kKnown;
  for (std::size_t at = 5; at < known.size(); ++at) {
    if (known[at] == '-') continue;
    std::string wrong = known, missing = known;
    wrong[at] = known[at] == '7' ? '8' : '7';
    missing.erase(at, 1);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { TokenDigest(wrong); });
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { TokenDigest(missing); });
  }
  for (const std::string& other : {std::string(), known + "0", std::string("CONS-U123-4567-89AB-CDEF-GHJK-MNPQ-QV"),
                                   std::string(1'000'000, 'A'), std::string(26, '\0')}) {
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { TokenDigest(other); });
  }
}

}  // namespace
}  // namespace consilium
