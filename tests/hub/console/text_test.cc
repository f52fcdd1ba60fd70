// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// What an administrator reads, to the letter.
#include "hub/console/text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace consilium {
namespace {

constexpr std::int64_t kNow = 1'772'460'000'000;

v1::SiteView* AddSite(v1::FederationState& state, const std::string& name, const std::string& standing) {
  v1::SiteView* site = state.add_sites();
  site->set_site(name);
  site->set_display_name(name);
  site->set_state(standing);
  site->set_since_ms(kNow - 3 * 86'400'000);
  site->set_key_fingerprint("91:C0-AB:CD-EF:00");
  site->set_training_patients(-1);
  return site;
}

v1::FederationState Training() {
  v1::FederationState state;
  state.set_federation("Sarcoma Network");
  v1::RunView& run = *state.mutable_run();
  run.set_run("sarcoma-1");
  run.set_name("sarcoma");
  run.set_phase("training");
  run.set_round(3);
  run.set_rounds(40);
  run.set_updates_in(1);
  run.set_updates_asked(3);
  run.set_model(std::string("\x5f\x0c\xff", 3) + std::string(29, '\0'));
  run.set_model_version(2);
  run.set_model_bytes(2'100'000);
  for (int i = 1; i <= 2; ++i) {
    v1::RoundView& round = *run.add_history();
    round.set_round(i);
    round.set_dice(0.76 + 0.01 * i);
    round.set_loss(-0.5);
    round.set_seconds(8.25);
    round.set_bytes_up(6'300'000);
    round.set_bytes_down(980);
    for (const char* site : {"coast", "north"}) {
      round.add_sites(site);
      v1::SiteResult& result = *round.add_results();
      result.set_site(site);
      result.set_dice(0.7);
      result.set_samples(10);
    }
  }
  v1::SiteView* coast = AddSite(state, "coast", "connected");
  coast->set_progress("training");
  coast->set_fraction(0.71);
  AddSite(state, "north", "connected")->set_progress("accepted");
  v1::SiteView* valley = AddSite(state, "valley", "approved");
  valley->set_progress("rejected");
  valley->set_reason("its norm is 12; the plan's limit is 10");
  return state;
}

TEST(SitesText, SaysForEachSiteWhatToDoOrWhenItWasSeen) {
  v1::FederationState state;
  EXPECT_EQ(SitesText(state, WallTime(std::chrono::milliseconds(kNow))),
            "No site yet. Invite one: consilium-hub invite NAME\n");
  AddSite(state, "st-mary", "waiting");
  v1::SiteView* north = AddSite(state, "north", "connected");
  north->set_training_patients(12);
  north->set_validation_patients(3);
  north->set_certificate_days_left(87);
  v1::SiteView* coast = AddSite(state, "coast", "approved");
  coast->set_last_seen_ms(kNow - 2 * 3'600'000);
  coast->set_certificate_days_left(-1);
  AddSite(state, "valley", "revoked");
  EXPECT_EQ(
      SitesText(state, WallTime(std::chrono::milliseconds(kNow))),
      "site     state      since  data             certificate         last seen\n"
      "st-mary  waiting    3 d    -                key 91:C0-AB:CD...  approve with: consilium-hub approve st-mary\n"
      "north    connected  3 d    12 + 3 patients  87 d left           now\n"
      "coast    approved   3 d    -                EXPIRED             2 h ago\n"
      "valley   revoked    3 d    -                -                   never\n");
  const auto json = nlohmann::json::parse(SitesJson(state));
  ASSERT_EQ(json["sites"].size(), 4U);
  EXPECT_EQ(json["sites"][1]["training_patients"], 12);
  EXPECT_EQ(json["sites"][2]["last_seen_ms"], kNow - 2 * 3'600'000);
  EXPECT_EQ(json["sites"][0]["key_fingerprint"], "91:C0-AB:CD-EF:00");
}

TEST(RunLine, SaysForWhomARoundWaitsAndWhoWasLeftOut) {
  EXPECT_EQ(RunLine(Training()),
            "Round 3 of 40   1 of 3 updates in   waiting for coast (training, 71 %)   Dice 0.78 (+0.01)   "
            "excluded: valley (rejected: its norm is 12; the plan's limit is 10)");
  v1::FederationState state = Training();
  state.mutable_run()->set_phase("aggregating");
  EXPECT_EQ(RunLine(state), "Round 3 of 40   1 of 3 updates in   averaging");
  state.mutable_run()->set_phase("waiting");
  state.mutable_run()->set_reason("2 of 3 sites are there");
  EXPECT_EQ(RunLine(state), "Run sarcoma-1 waits: 2 of 3 sites are there");
  state.mutable_run()->set_phase("finishing");
  EXPECT_EQ(RunLine(state), "Run sarcoma-1: the sites evaluate the last model   waiting for coast (training, 71 %)");
}

TEST(RunLine, AnEndHasItsReasonOrTheNextStep) {
  v1::FederationState state = Training();
  v1::RunView& run = *state.mutable_run();
  EXPECT_FALSE(Ended(run));
  run.set_reason("the quorum was missed twice");
  run.set_phase("failed");
  EXPECT_TRUE(Ended(run));
  EXPECT_EQ(RunLine(state), "Run sarcoma-1 has failed: the quorum was missed twice");
  run.set_phase("aborted");
  EXPECT_EQ(RunLine(state), "Run sarcoma-1 was aborted: the quorum was missed twice");
  run.set_phase("done");
  run.set_final_dice(0.815);
  EXPECT_EQ(RunLine(state),
            "Run sarcoma-1 is done: 2 rounds, Dice 0.81. Get the model: consilium-hub model export --out FILE");
}

TEST(RunText, ShowsEachRoundInColumns) {
  EXPECT_EQ(RunText({}), "No run yet. Start one: consilium-hub run start PLAN.toml\n");
  const std::string text = RunText(Training());
  EXPECT_EQ(text.substr(0, text.find("Round 3")),
            "Run sarcoma-1   model 5f0cff000000 (version 2, 2.1 MB)\n"
            "round   Dice    loss  sites         seconds  up      down\n"
            "    1  0.770  -0.500  coast, north      8.2  6.3 MB  980 B\n"
            "    2  0.780  -0.500  coast, north      8.2  6.3 MB  980 B\n");
  EXPECT_EQ(RoundLine(Training().run().history(0)),
            "Round 1   Dice 0.77   loss -0.500   8.2 s   6.3 MB up   coast 0.70  north 0.70");
}

TEST(RunJson, HoldsEverythingThatTheTableShows) {
  const auto json = nlohmann::json::parse(RunJson(Training().run()));
  EXPECT_EQ(json["run"], "sarcoma-1");
  EXPECT_EQ(json["phase"], "training");
  EXPECT_EQ(json["model_digest"], "5f0cff" + std::string(58, '0'));
  ASSERT_EQ(json["history"].size(), 2U);
  EXPECT_EQ(json["history"][1]["round"], 2);
  EXPECT_DOUBLE_EQ(json["history"][1]["dice"].get<double>(), 0.78);
  EXPECT_EQ(json["history"][0]["bytes"]["up"], 6'300'000);
  EXPECT_EQ(json["history"][0]["sites"][1]["site"], "north");
  EXPECT_EQ(json["history"][0]["sites"][1]["samples"], 10);
}

TEST(AuditText, SaysWhetherTheChainHolds) {
  v1::AuditReply audit;
  v1::AuditEvent& event = *audit.add_events();
  event.set_number(7);
  event.set_time_ms(kNow);
  event.set_actor("administrator ann");
  event.set_action("approve");
  event.set_subject("north");
  audit.set_chain_holds(true);
  const std::string text = AuditText(audit);
  EXPECT_NE(text.find("administrator ann  approve  north"), std::string::npos) << text;
  EXPECT_NE(text.find("2026-03-02T"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("The chain holds.\n"));
  audit.set_chain_holds(false);
  audit.set_first_bad(3);
  EXPECT_NE(AuditText(audit).find("The chain is BROKEN at entry 3: somebody has changed the database"),
            std::string::npos);
}

}  // namespace
}  // namespace consilium
