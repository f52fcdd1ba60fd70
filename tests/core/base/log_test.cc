// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <concepts>

#include "core/base/secret.h"
#include "core/data/label_map.h"
#include "core/data/patient_text.h"
#include "core/data/probability_map.h"
#include "core/data/sample.h"
#include "core/data/volume.h"

namespace consilium {
namespace {

using testing::MatchesRegex;

template <class T>
concept Loggable = requires(const T& value) {
  LogField("key", value);
};
template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

// What may be logged, and what must not compile: this is the check that no patient can get into a log.
static_assert(Loggable<SiteId> && Loggable<RunId> && Loggable<RoundNumber> && Loggable<Digest>);
static_assert(Loggable<int> && Loggable<std::int64_t> && Loggable<std::size_t> && Loggable<double> && Loggable<bool>);
static_assert(Loggable<std::string> && Loggable<const char*>);
static_assert(!Loggable<PatientText>);
static_assert(!Loggable<Volume> && !Loggable<Sample> && !Loggable<LabelMap> && !Loggable<ProbabilityMap>);
static_assert(!Loggable<Secret>);
static_assert(!Streamable<PatientText> && !Streamable<Secret>);
static_assert(!std::convertible_to<PatientText, std::string> && !std::convertible_to<PatientText, std::string_view>);
static_assert(!std::copyable<Secret>);

std::string Logged(auto write) {
  testing::internal::CaptureStderr();
  write();
  return testing::internal::GetCapturedStderr();
}

TEST(LogTest, OneLineWithTimeLevelAndFields) {
  const std::string line = Logged([] {
    LogInfo("round ordered",
            {{"run", RunId("sarcoma-1")}, {"round", RoundNumber(3)}, {"site", SiteId("north")}, {"loss", 0.25}});
  });
  EXPECT_THAT(line,
              MatchesRegex("20[0-9-]+T[0-9:.]+Z info    round ordered run=sarcoma-1 round=3 site=north loss=0.25\n"));
}

TEST(LogTest, FieldsOfEveryKind) {
  EXPECT_EQ(LogField("n", -3).text(), "n=-3");
  EXPECT_EQ(LogField("n", std::size_t{7}).text(), "n=7");
  EXPECT_EQ(LogField("x", 1e-9).text(), "x=1e-09");
  EXPECT_EQ(LogField("ok", true).text(), "ok=true");
  EXPECT_EQ(LogField("model", DigestOf("x")).text(), "model=" + DigestOf("x").Short());
  EXPECT_EQ(LogField("why", "two words").text(), "why=\"two words\"");
  EXPECT_EQ(LogField("why", std::string("a\"b\\c")).text(), R"(why="a\"b\\c")");
  EXPECT_EQ(LogField("why", "").text(), "why=\"\"");
}

TEST(LogTest, NoInputCanForgeASecondLine) {
  EXPECT_EQ(LogField("site", std::string("x\n2026 info forged")).text(), "site=\"x\\x0a2026 info forged\"");
  const std::string text = Logged([] { LogError("bad\nline\x1b[2J"); });
  EXPECT_THAT(text, testing::EndsWith("error   bad\\x0aline\\x1b[2J\n"));
}

TEST(LogTest, LevelsFilter) {
  EXPECT_EQ(Logged([] { LogDebug("hidden"); }), "");
  SetLogLevel(LogLevel::kDebug);
  EXPECT_THAT(Logged([] { LogDebug("shown"); }), testing::HasSubstr("debug   shown"));
  SetLogLevel(LogLevel::kError);
  EXPECT_EQ(Logged([] { LogWarning("hidden"); }), "");
  SetLogLevel(LogLevel::kInfo);
  EXPECT_THAT(Logged([] { LogWarning("{} braces"); }), testing::HasSubstr("{} braces"));
}

}  // namespace
}  // namespace consilium
