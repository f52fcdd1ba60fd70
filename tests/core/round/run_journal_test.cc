// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/run_journal.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace consilium {
namespace {

const SiteId kNorth("north");

TEST(RunJournalTest, EveryKindOfEventReadsBackEqual) {
  const AcceptedUpdate update{
      {RunId("r"), RoundNumber(2), kNorth, 1}, DigestOf("u"), {0.1, 50, 12, {1.0 / 3, 2}, 9.5, {"float32", "cpu", 4}}};
  const std::vector<RunEvent> events{SiteConnected{kNorth, 12, true},
                                     SiteDisconnected{kNorth},
                                     SiteReported{kNorth, RoundNumber(2), SiteProgress::kUploading, 0.7, 2},
                                     SiteRefused{kNorth, RoundNumber(2), "no room \"here\"\n", 2},
                                     UpdateJudged{update, false, "a NaN"},
                                     DeadlinePassed{RoundNumber(2), 2},
                                     ModelMade{RoundNumber(2), DigestOf("m"), 0.1 + 0.2},
                                     FinalEvaluated{kNorth, DigestOf("m"), {1.0 / 7, 3}},
                                     AbortAsked{"why"},
                                     HubRestarted{}};
  ASSERT_EQ(events.size(), std::variant_size_v<RunEvent>);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].index(), i);
    const std::string line = ToJson(events[i]);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_TRUE(RunEventFromJson(line) == events[i]) << line;
  }
}

TEST(RunJournalTest, TheTextIsReadable) {
  EXPECT_EQ(ToJson(DeadlinePassed{RoundNumber(3), 1}), R"({"event":"deadline_passed","round":3,"attempt":1})");
}

TEST(RunJournalTest, OlderJournalsDoNotNameTheAttemptOfARefusal) {
  const auto old = RunEventFromJson(R"({"event":"site_refused","site":"north","round":2,"reason":"no room"})");
  EXPECT_TRUE(old == RunEvent(SiteRefused{kNorth, RoundNumber(2), "no room", kAnyAttempt}));
}

TEST(RunJournalTest, OlderJournalsDoNotSayWhatAnUpdateTrainedWith) {
  const auto old =
      RunEventFromJson(R"({"event":"update_judged","run":"r","round":2,"site":"north","attempt":1,"digest":")" +
                       DigestOf("u").Hex() + R"(","loss":0.5,"steps":5,"samples":7,"dice_sum":0.5,)" +
                       R"("dice_cases":1,"seconds":2,"accepted":true,"reason":""})");
  EXPECT_EQ(std::get<UpdateJudged>(old).update.metrics, (TrainMetrics{0.5, 5, 7, {0.5, 1}, 2, {}}));
}

TEST(RunJournalTest, AReasonThatIsNoUtf8IsKeptAsFarAsItCan) {
  const auto back = RunEventFromJson(ToJson(AbortAsked{"bad \xff byte"}));
  EXPECT_EQ(std::get<AbortAsked>(back).reason, "bad \xEF\xBF\xBD byte");
}

TEST(RunJournalTest, DamagedLinesAreRefused) {
  const auto refused = [](std::string_view line, std::string_view words) {
    ExpectError(ErrorCode::kDataLoss, words, [&] { RunEventFromJson(line); });
  };
  refused("", "run journal: it is no valid JSON");
  refused("{}", "run journal: `event` is missing");
  refused(R"({"event":"exploded"})", "unknown event 'exploded'");
  refused(R"({"event":"deadline_passed","round":3})", "`attempt` is missing");
  refused(R"({"event":"deadline_passed","round":"3","attempt":1})", "`round` has the wrong type");
  refused(R"({"event":"hub_restarted","more":1})", "unknown field `more`");
}

}  // namespace
}  // namespace consilium
