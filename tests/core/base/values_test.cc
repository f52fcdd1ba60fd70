// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The small values of core/base: errors, ids, digests, time.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <type_traits>
#include <unordered_set>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

TEST(ErrorTest, TextIsWhatAndNextStep) {
  EXPECT_EQ(Error(ErrorCode::kNotFound, "no plan").Text(), "no plan");
  EXPECT_EQ(Error(ErrorCode::kNotFound, "no plan", "Make one.").Text(), "no plan\n  Make one.");
  EXPECT_NE(std::string_view(Error(ErrorCode::kNotFound, "x").where().file).find("values_test"),
            std::string_view::npos);
}

TEST(ErrorTest, EveryCodeHasAName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code)
    names.insert(Name(static_cast<ErrorCode>(code)));
  EXPECT_EQ(names.size(), 14u);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(ErrorTest, RequireThrowsAndEnsureAborts) {
  Require(true, "never");
  ExpectError(ErrorCode::kInvalidArgument, "bad\n  do this", [] { Require(false, "bad", "do this"); });
  Ensure(true, "never");
  EXPECT_DEATH(Ensure(false, "broken"), "values_test.cc:[0-9]+: broken .a bug of the program");
}

TEST(IdsTest, KindsDoNotMix) {
  static_assert(!std::is_convertible_v<SiteId, RunId> && !std::is_convertible_v<std::string, SiteId>);
  static_assert(!std::is_constructible_v<RoundNumber, ModelVersion>);
  EXPECT_LT(SiteId("a"), SiteId("b"));
  EXPECT_EQ(RoundNumber(3).Next(), RoundNumber(4));
  EXPECT_EQ(std::unordered_set<SiteId>({SiteId("a"), SiteId("a")}).size(), 1u);
}

TEST(IdsTest, SiteNames) {
  EXPECT_EQ(ParseSiteId("st-mary2").text(), "st-mary2");
  EXPECT_EQ(ParseSiteId(std::string(40, 'a')).text().size(), 40u);
  for (const std::string bad : {"", "-a", "a-", "St", "a b", "a/b", "a_b", "..", "ü"}) {
    ExpectError(ErrorCode::kInvalidArgument, "cannot name a site\n  Use 1 to 40 lower case letters",
                [&] { ParseSiteId(bad); });
  }
  ExpectError(ErrorCode::kInvalidArgument, "cannot name a site", [] { ParseSiteId(std::string(41, 'a')); });
}

// FIPS 180-4 examples, NIST.
TEST(DigestTest, PublishedVectors) {
  EXPECT_EQ(DigestOf("").Hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(DigestOf("abc").Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  for (int i = 0; i < 1000; ++i) pieces.Add(std::string(1000, 'a'));
  EXPECT_EQ(pieces.Finish().Hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(DigestTest, HexRoundTrip) {
  const Digest digest = DigestOf("abc");
  EXPECT_EQ(Digest::FromHex(digest.Hex()), digest);
  EXPECT_EQ(Digest::FromHex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), digest);
  EXPECT_EQ(digest.Short(), "ba7816bf8f01");
  ExpectError(ErrorCode::kInvalidArgument, "64 hexadecimal digits, not 3", [] { Digest::FromHex("abc"); });
  ExpectError(ErrorCode::kInvalidArgument, "hexadecimal digits only", [] { Digest::FromHex(std::string(64, 'g')); });
}

TEST(DigestTest, OfAFile) {
  const TemporaryFolder folder;
  const std::string text(3'000'000, 'x');
  std::ofstream(folder / "f", std::ios::binary) << text;
  EXPECT_EQ(DigestOfFile(folder / "f"), DigestOf(text));
  ExpectError(ErrorCode::kNotFound, "cannot read", [&] { DigestOfFile(folder / "none"); });
}

TEST(ClockTest, Iso8601) {
  EXPECT_EQ(ToIso8601(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(ToIso8601(WallTime(std::chrono::milliseconds(1'772'460'127'120))), "2026-03-02T14:02:07.120Z");
  EXPECT_EQ(ToIso8601(WallTime(std::chrono::milliseconds(951'782'399'999))), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(ToIso8601(WallTime(std::chrono::milliseconds(-1))), "1969-12-31T23:59:59.999Z");
}

TEST(ClockTest, RealAndFake) {
  const auto before = SystemClock().Monotonic();
  EXPECT_GE(SystemClock().Monotonic(), before);
  EXPECT_GT(SystemClock().Wall(), WallTime(std::chrono::milliseconds(1'700'000'000'000)));
  FakeClock fake;
  const auto wall = fake.Wall();
  const auto monotonic = fake.Monotonic();
  fake.Advance(std::chrono::seconds(5));
  EXPECT_EQ(fake.Wall() - wall, std::chrono::seconds(5));
  EXPECT_EQ(fake.Monotonic() - monotonic, std::chrono::seconds(5));
}

}  // namespace
}  // namespace consilium
