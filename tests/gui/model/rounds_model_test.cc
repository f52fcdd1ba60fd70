// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/model/rounds_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace consilium {
namespace {

QDateTime At(int hour, int minute) { return {QDate(2026, 3, 2), QTime(hour, minute)}; }

// Round 3 of 10 is running; north (ours) trains, coast is in, valley was lost.
FederationView Running() {
  FederationView view;
  view.federation = "Sarcoma Network";
  view.our_site = "north";
  view.hub_connected = true;
  view.cases = 9;
  view.predictions_waiting = 2;
  view.activity = "training round 3 (41 %)";
  view.run = "run-1";
  view.run_name = "sarcoma";
  view.phase = "training";
  view.round = 3;
  view.rounds = 10;
  view.updates_in = 1;
  view.updates_asked = 3;
  view.seconds_in_round = 4;
  view.model = "5f0c1a2b3c4d";
  view.bytes_up = 1'300'000;
  view.bytes_down = 2'600'000;
  view.history = {{1, 0.05, 1.4, 12, {"coast", "north"}, {{"north", 0.04, 2, 1.3}, {"coast", 0.06, 2, 1.5}}},
                  {2, 0.31, 1.1, 14, {"coast", "north"}, {{"north", 0.30, 2, 1.0}, {"coast", 0.32, 2, 1.2}}}};
  FederationView::Site north, coast, valley;
  north.site = "north";
  north.display_name = "North Hospital";
  north.state = "connected";
  north.progress = "training";
  north.fraction = 0.41;
  north.training_patients = 24;
  north.validation_patients = 6;
  north.dice = 0.3;
  coast.site = "coast";
  coast.state = "connected";
  coast.progress = "accepted";
  valley.site = "valley";
  valley.state = "approved";
  valley.progress = "lost";
  valley.last_seen_ms = At(13, 58).toMSecsSinceEpoch();
  view.sites = {north, coast, valley};
  return view;
}

class RoundsModelTest : public ::testing::Test {
 protected:
  QDateTime now_ = At(14, 2);
  RoundsModel model_{[this] { return now_; }};
};

TEST_F(RoundsModelTest, SaysInOneSentenceWhatTheFederationWaitsFor) {
  EXPECT_EQ(model_.headline(), "Not connected to a federation.");
  FederationView view = Running();
  model_.Show(view);
  EXPECT_EQ(model_.headline(),
            "Sarcoma Network, round 3 of 10: waiting for 2 of 3 hospitals; ours is training, 41 %. "
            "Next result in about 9 s.");
  view.sites[0].progress = "accepted";
  view.updates_in = 2;
  view.seconds_in_round = 20;
  model_.Show(view);
  now_ = At(14, 9);
  model_.Show(view);
  EXPECT_EQ(model_.headline(),
            "Sarcoma Network, round 3 of 10: waiting for 1 of 3 hospitals; ours sent its update at 14:02.");
}

TEST_F(RoundsModelTest, AnUpdateSentBeforeWeLookedHasNoTime) {
  FederationView view = Running();
  view.sites[0].progress = "accepted";
  model_.Show(view);
  EXPECT_THAT(model_.headline().toStdString(), ::testing::HasSubstr("; ours has sent its update."));
}

TEST_F(RoundsModelTest, EachPhaseHasItsWords) {
  FederationView view = Running();
  const auto headline = [&](const std::string& phase) {
    view.phase = phase;
    model_.Show(view);
    return model_.headline().toStdString();
  };
  EXPECT_EQ(headline("waiting"), "Sarcoma Network: waiting for enough hospitals; 2 of 3 are connected.");
  EXPECT_EQ(headline("aggregating"), "Sarcoma Network, round 3 of 10: all updates are in; the hub is combining them.");
  EXPECT_EQ(headline("finishing"), "Sarcoma Network: the last model is out; hospitals are testing it.");
  view.final_dice = 0.82;
  EXPECT_EQ(headline("done"), "Sarcoma Network: finished after 2 rounds. Dice of the shared model 0.82.");
  EXPECT_EQ(model_.progress(), 1.0);
  view.reason = "No quorum for 3 attempts.";
  EXPECT_EQ(headline("failed"), "Sarcoma Network: the run failed. No quorum for 3 attempts.");
  EXPECT_EQ(headline("aborted"), "Sarcoma Network: the run was stopped. No quorum for 3 attempts.");
  view.run.clear();
  EXPECT_EQ(headline(""), "Sarcoma Network: no run yet. 2 of 3 hospitals are connected.");
}

TEST_F(RoundsModelTest, SitesAreShownWithWhatTheyDoNow) {
  model_.Show(Running());
  const std::vector<SiteRow>& rows = model_.sites();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0], (SiteRow{"North Hospital", true, true, "connected", "training, 41 %", 0.41, "24 + 6", "0.30",
                              "now", "", ""}));
  EXPECT_EQ(rows[1].doing, "update accepted");
  EXPECT_EQ(rows[1].fraction, 1.0);
  EXPECT_EQ(rows[1].dice, "-");
  EXPECT_FALSE(rows[2].good);
  EXPECT_EQ(rows[2].doing, "lost in this round");
  EXPECT_EQ(rows[2].state, "not connected") << "an approved site that is away";
  EXPECT_EQ(rows[2].last_seen, "4 min ago");
  EXPECT_NEAR(model_.progress(), 0.2, 1e-9);
}

TEST_F(RoundsModelTest, AWaitingSiteHasNotSaidItsPatients) {
  FederationView view = Running();
  FederationView::Site hill;
  hill.site = "hill";
  hill.state = "waiting";
  hill.training_patients = -1;
  view.sites.push_back(hill);
  model_.Show(view);
  EXPECT_EQ(model_.sites()[3].patients, "-");
  EXPECT_EQ(model_.sites()[3].last_seen, "never");
}

TEST_F(RoundsModelTest, SmallAmountsAreNotNothing) {
  FederationView view = Running();
  const auto sent = [&](std::uint64_t up, std::uint64_t down) {
    view.bytes_up = up;
    view.bytes_down = down;
    model_.Show(view);
    return model_.detail().section("   ·   ", 2, 2).section(", no image", 0, 0).toStdString();
  };
  EXPECT_EQ(sent(41'300, 999'499), "41 KB of updates sent in, 999 KB of models sent out");
  EXPECT_EQ(sent(12, 999'500), "1 KB of updates sent in, 1.0 MB of models sent out");
  EXPECT_EQ(sent(0, 2'600'000), "0 MB of updates sent in, 2.6 MB of models sent out");
}

TEST_F(RoundsModelTest, TheCurveStandsAtTheModelsThatWereMeasured) {
  FederationView view = Running();
  model_.Show(view);
  ASSERT_EQ(model_.curves().size(), 3U);
  EXPECT_EQ(model_.curves()[0].name, "coast");
  const Curve pooled = model_.curves()[2];
  EXPECT_TRUE(pooled.pooled);
  EXPECT_EQ(pooled.points, (std::vector<QPointF>{{0, 0.05}, {1, 0.31}})) << "round 2 measured what round 1 made";
  view.phase = "done";
  view.final_dice = 0.5;
  view.final_results = {{"north", 0.52, 2, 0}};
  model_.Show(view);
  EXPECT_EQ(model_.curves()[2].points.back(), QPointF(2, 0.5));
  EXPECT_EQ(model_.curves()[1].points.back(), QPointF(2, 0.52));
  EXPECT_EQ(model_.curves()[0].points.size(), 2U);
}

TEST_F(RoundsModelTest, DetailNamesTheRunTheBytesAndOurOwnSite) {
  FederationView view = Running();
  model_.Show(view);
  EXPECT_EQ(
      model_.detail(),
      "Run \"sarcoma\"   ·   model 5f0c1a2b3c4d   ·   1.3 MB of updates sent in, 2.6 MB of models sent out, no image"
      "\nThis hospital (north): training round 3 (41 %), 9 cases, 2 waiting to be predicted.");
  view.hub_connected = false;
  model_.Show(view);
  EXPECT_THAT(model_.detail().toStdString(), ::testing::HasSubstr("no connection to the hub"));
}

TEST_F(RoundsModelTest, AnEqualPushTellsNobody) {
  model_.Show(Running());
  int told = 0;
  QObject::connect(&model_.sites, &PropertyBase::Changed, [&] { ++told; });
  model_.Show(Running());
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace consilium
