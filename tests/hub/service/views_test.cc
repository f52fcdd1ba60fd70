// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/service/views.h"

#include <gtest/gtest.h>

#include "proto/codec.h"
#include "tests/hub/small_run.h"
#include "tests/support/fake_clock.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

const SiteId kNorth("north"), kCoast("coast");

// After one round of north and coast, in the middle of the second.
RunState InRoundTwo() {
  RunState run = StartRun(SmallPlan(), RunId("tiny-1"), DigestOf("model 0"));
  for (const RunEvent& event : std::vector<RunEvent>{
           SiteConnected{kNorth, 10, true}, SiteConnected{kCoast, 30},
           UpdateJudged{{SmallId("north"), DigestOf("n1"), {0.25, 50, 10, {1.5, 2}, 7}}, true, {}},
           UpdateJudged{
               {SmallId("coast"), DigestOf("c1"), {0.75, 50, 30, {0.5, 2}, 9, {"bfloat16", "cuda:1", 8}}}, true, {}},
           ModelMade{RoundNumber(1), DigestOf("model 1"), 12.5},
           UpdateJudged{{SmallId("north", 2), DigestOf("n2"), {0.2, 50, 10, {1.8, 2}, 7}}, true, {}},
           SiteReported{kCoast, RoundNumber(2), SiteProgress::kTraining, 0.5}}) {
    run = Advance(std::move(run), event).state;
  }
  return run;
}

TEST(RunView, ShowsRoundHistoryAndTraffic) {
  const v1::RunView view =
      RunViewOf(InRoundTwo(), {{{RoundNumber(1), {100, 200}}, {RoundNumber(2), {10, 20}}}, 4096, 3.5});
  EXPECT_EQ(view.run(), "tiny-1");
  EXPECT_EQ(view.name(), "tiny");
  EXPECT_EQ(view.phase(), "training");
  EXPECT_EQ(view.round(), 2);
  EXPECT_EQ(view.rounds(), 2);
  EXPECT_EQ(view.model(), ToBytes(DigestOf("model 1")));
  EXPECT_EQ(view.model_version(), 1);
  EXPECT_EQ(view.model_bytes(), 4096U);
  EXPECT_EQ(view.seconds_in_round(), 3.5);
  EXPECT_EQ(view.updates_in(), 1);
  EXPECT_EQ(view.updates_asked(), 2);
  EXPECT_EQ(view.bytes_up(), 110U);
  EXPECT_EQ(view.bytes_down(), 220U);
  EXPECT_EQ(view.reason(), "");
  ASSERT_EQ(view.history_size(), 1);
  const v1::RoundView& round = view.history(0);
  EXPECT_EQ(round.round(), 1);
  EXPECT_DOUBLE_EQ(round.dice(), 0.5);    // (1.5 + 0.5) / 4 patients
  EXPECT_DOUBLE_EQ(round.loss(), 0.625);  // (10 * 0.25 + 30 * 0.75) / 40
  EXPECT_EQ(round.seconds(), 12.5);
  EXPECT_EQ(round.model(), ToBytes(DigestOf("model 1")));
  EXPECT_EQ(round.bytes_up(), 100U);
  EXPECT_EQ(round.bytes_down(), 200U);
  ASSERT_EQ(round.results_size(), 2);
  EXPECT_EQ(round.sites(0), "coast");
  EXPECT_EQ(round.results(0).site(), "coast");
  EXPECT_EQ(round.results(0).dice(), 0.25);
  EXPECT_EQ(round.results(0).cases(), 2);
  EXPECT_EQ(round.results(0).loss(), 0.75);
  EXPECT_EQ(round.results(0).samples(), 30);
  EXPECT_EQ(round.results(0).seconds(), 9);
  EXPECT_EQ(round.results(0).precision(), "bfloat16");
  EXPECT_EQ(round.results(0).device(), "cuda:1");
  EXPECT_EQ(round.results(0).threads(), 8);
  EXPECT_EQ(round.results(1).site(), "north");
  EXPECT_EQ(view.final_results_size(), 0);
  EXPECT_EQ(RunViewOf(InRoundTwo(), {}).history(0).bytes_up(), 0U);
}

TEST(RunView, SaysForWhatARunWaits) {
  RunState run = StartRun(SmallPlan(), RunId("tiny-1"), DigestOf("model 0"));
  run = Advance(std::move(run), SiteConnected{kNorth, 10}).state;
  EXPECT_EQ(RunViewOf(run, {}).reason(),
            "the plan needs 2 connected sites with at least 3 training patients; 1 is there (north 10)");
  run = Advance(std::move(run), AbortAsked{"wrong plan"}).state;
  EXPECT_EQ(RunViewOf(run, {}).phase(), "aborted");
  EXPECT_EQ(RunViewOf(run, {}).reason(), "wrong plan");
}

TEST(RunView, EndsWithTheLastModelsResults) {
  RunState run = InRoundTwo();
  for (const RunEvent& event : std::vector<RunEvent>{
           UpdateJudged{{SmallId("coast", 2), DigestOf("c2"), {0.3, 50, 30, {1, 2}, 9}}, true, {}},
           ModelMade{RoundNumber(2), DigestOf("model 2"), 1}, FinalEvaluated{kCoast, DigestOf("model 2"), {1.25, 2}}}) {
    run = Advance(std::move(run), event).state;
  }
  EXPECT_EQ(RunViewOf(run, {}).phase(), "finishing");
  run = Advance(std::move(run), FinalEvaluated{kNorth, DigestOf("model 2"), {1.75, 2}}).state;
  const v1::RunView view = RunViewOf(run, {});
  EXPECT_EQ(view.phase(), "done");
  EXPECT_DOUBLE_EQ(view.final_dice(), 0.75);
  ASSERT_EQ(view.final_results_size(), 2);
  EXPECT_EQ(view.final_results(0).site(), "coast");
  EXPECT_EQ(view.final_results(0).dice(), 0.625);
  EXPECT_EQ(view.final_results(1).cases(), 2);
  const SiteRecord north{kNorth, "North", SiteStanding::kApproved, {}, {}, {}, 10, 2, {}, {}};
  const v1::SiteView site = SiteViewOf(north, true, &run, {});
  EXPECT_EQ(site.dice(), 0.875);   // of the last model
  EXPECT_EQ(site.progress(), "");  // the run is over
}

class SiteViewTest : public testing::Test {
 protected:
  const FakeClock clock_;
  SiteRecord north_{
      kNorth, "North Hospital", SiteStanding::kApproved, clock_.Wall() - 2h, "7B:1E", {}, 412, 31, clock_.Wall() - 1s,
      {}};
};

TEST_F(SiteViewTest, ShowsTheRecordAndWhetherTheSiteIsThere) {
  const v1::SiteView view = SiteViewOf(north_, false, nullptr, clock_.Wall());
  EXPECT_EQ(view.site(), "north");
  EXPECT_EQ(view.display_name(), "North Hospital");
  EXPECT_EQ(view.state(), "approved");
  EXPECT_EQ(view.training_patients(), 412);
  EXPECT_EQ(view.validation_patients(), 31);
  EXPECT_FALSE(view.has_studies());
  EXPECT_EQ(view.key_fingerprint(), "7B:1E");
  EXPECT_EQ(view.since_ms(), 1'772'460'000'000 - 7'200'000);
  EXPECT_EQ(view.last_seen_ms(), 1'772'460'000'000 - 1'000);
  EXPECT_EQ(view.dice(), -1);
  EXPECT_EQ(view.progress(), "");
  EXPECT_EQ(SiteViewOf(north_, true, nullptr, clock_.Wall()).state(), "connected");
  north_.studies = StudyCounts{500, 5, {{"no-suv", 4}}};
  const v1::SiteView told = SiteViewOf(north_, false, nullptr, clock_.Wall());
  EXPECT_EQ(told.studies().quarantined(), 5);
  EXPECT_EQ(told.studies().reasons().at("no-suv"), 4);
  north_.standing = SiteStanding::kSuspended;
  EXPECT_EQ(SiteViewOf(north_, false, nullptr, clock_.Wall()).state(), "suspended");
}

TEST_F(SiteViewTest, DaysLeftAreWholeDaysAndAnExpiredCertificateHasLessThanNone) {
  const PrivateKey key = PrivateKey::Generate();
  const Certificate authority = MakeAuthority(key, "Sarcoma Network", 1, clock_.Wall());
  north_.certificate = Issue(authority, key, {key.public_key(), "north", CertificateKind::kSite, 90, clock_.Wall()});
  const auto left = [&](std::chrono::milliseconds later) {
    return SiteViewOf(north_, false, nullptr, clock_.Wall() + later).certificate_days_left();
  };
  EXPECT_EQ(left(0ms), 90);
  EXPECT_EQ(left(1s), 89);
  EXPECT_EQ(left(days(90) - 1s), 0);
  EXPECT_EQ(left(days(90)), 0);
  EXPECT_EQ(left(days(90) + 1s), -1);
  EXPECT_EQ(left(days(91) + 1s), -2);
}

TEST_F(SiteViewTest, TheDiceIsTheNewestThatTheSiteSaidInThisRun) {
  const RunState run = InRoundTwo();
  const v1::SiteView north = SiteViewOf(north_, true, &run, clock_.Wall());
  EXPECT_DOUBLE_EQ(north.dice(), 0.9);  // of its update of round 2
  EXPECT_EQ(north.progress(), "accepted");
  EXPECT_EQ(north.fraction(), 1);
  north_.site = kCoast;
  const v1::SiteView coast = SiteViewOf(north_, true, &run, clock_.Wall());
  EXPECT_DOUBLE_EQ(coast.dice(), 0.25);  // of round 1
  EXPECT_EQ(coast.progress(), "training");
  EXPECT_EQ(coast.fraction(), 0.5);
  RunState patient = run;
  patient.plan.round.quorum = 1;
  const RunState refused = Advance(patient, SiteRefused{kCoast, RoundNumber(2), "no room on the disk"}).state;
  EXPECT_EQ(SiteViewOf(north_, true, &refused, clock_.Wall()).reason(), "no room on the disk");
  EXPECT_EQ(SiteViewOf(north_, true, &refused, clock_.Wall()).progress(), "rejected");
  north_.site = SiteId("hill");
  EXPECT_EQ(SiteViewOf(north_, true, &run, clock_.Wall()).dice(), -1);
}

}  // namespace
}  // namespace consilium
