// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/console/text.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_clock.h"

namespace consilium {
namespace {

constexpr std::int64_t kNow = 1'772'460'000'000;  // of FakeClock

template <class Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

std::string Ago(std::int64_t ms) { return std::to_string(kNow - ms); }

v1::FederationState FiveSites() {
  return Parse<v1::FederationState>(
      "federation: 'Sarcoma Network' "
      "sites { site: 'coast' display_name: 'Coast' state: 'connected' since_ms: " +
      Ago(3 * 86'400'000) +
      " training_patients: 96 validation_patients: 8 certificate_days_left: 87 key_fingerprint: 'AA:BB'"
      " last_seen_ms: " +
      Ago(0) +
      " } "
      "sites { site: 'hill' state: 'approved' since_ms: " +
      Ago(5 * 3'600'000) +
      " training_patients: -1 certificate_days_left: 0 } "
      "sites { site: 'north' state: 'approved' since_ms: " +
      Ago(120'000) +
      " training_patients: 412 validation_patients: 31 certificate_days_left: -1"
      " studies { studies: 500 quarantined: 5 reasons { key: 'label' value: 1 } reasons { key: 'no-suv' value: 4 } }"
      " last_seen_ms: " +
      Ago(40'000) +
      " } "
      "sites { site: 'st-mary' state: 'waiting' since_ms: " +
      Ago(1'000) +
      " training_patients: -1 key_fingerprint: '7B:1E-9C:04-11:22' } "
      "sites { site: 'valley' state: 'revoked' since_ms: " +
      Ago(2 * 86'400'000) + " training_patients: 7 certificate_days_left: 12 last_seen_ms: " + Ago(2 * 86'400'000) +
      " }");
}

// One round done, the second under way.
v1::FederationState Running() {
  return Parse<v1::FederationState>(
      "run { run: 'sarcoma-1' name: 'sarcoma' phase: 'training' round: 2 rounds: 40 model: "
      "'\\253\\315\\001\\000\\000\\000\\377'"
      " model_version: 1 model_bytes: 5600000 updates_in: 1 updates_asked: 4 bytes_up: 11200000 bytes_down: 16800000"
      " history { round: 1 dice: 0.5126 loss: 0.62549 seconds: 61.26 sites: 'coast' sites: 'north' model: '\\001\\002'"
      "  bytes_up: 11200000 bytes_down: 16800000"
      "  results { site: 'coast' dice: 0.25 cases: 8 loss: 0.75 samples: 96 seconds: 9.5 }"
      "  results { site: 'north' dice: 0.775 cases: 31 loss: 0.5 samples: 412 seconds: 58 } } }"
      "sites { site: 'coast' progress: 'training' fraction: 0.714 }"
      "sites { site: 'hill' progress: 'rejected' reason: 'its norm is 9' }"
      "sites { site: 'north' progress: 'accepted' }"
      "sites { site: 'valley' progress: 'uploading' }");
}

TEST(SpanText, IsForPeople) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {-5, "now"},           {0, "now"},           {4'999, "now"},           {5'000, "5 s"},
      {99'999, "99 s"},      {100'000, "1 min"},   {5'999'999, "99 min"},    {6'000'000, "1 h"},
      {172'799'999, "47 h"}, {172'800'000, "2 d"}, {31'536'000'000, "365 d"}};
  for (const auto& [ms, text] : cases) EXPECT_EQ(SpanText(ms), text) << ms;
}

TEST(BytesText, IsForPeople) {
  const std::pair<std::uint64_t, const char*> cases[] = {{0, "0 B"},
                                                         {980, "980 B"},
                                                         {999, "999 B"},
                                                         {1'000, "1.0 kB"},
                                                         {9'949, "9.9 kB"},
                                                         {9'999, "10 kB"},
                                                         {1'300'000, "1.3 MB"},
                                                         {11'200'000, "11 MB"},
                                                         {999'600'000, "1.0 GB"},
                                                         {5'000'000'000'000'000, "5000 TB"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(BytesText(bytes), text) << bytes;
}

TEST(SitesText, IsATable) {
  EXPECT_EQ(SitesText(FiveSites(), FakeClock().Wall()),
            "site     state      since  data                              certificate  last seen\n"
            "coast    connected  3 d    96 + 8 patients                   87 d left    now\n"
            "hill     approved   5 h    -                                 0 d left     never\n"
            "north    approved   2 min  412 + 31 patients, 5 quarantined  EXPIRED      40 s ago\n"
            "st-mary  waiting    now    -                                 -            never\n"
            "valley   revoked    2 d    7 + 0 patients                    -            2 d ago\n"
            "north: of 500 studies 5 quarantined (4 no-suv, 1 label)\n"
            "st-mary waits with the key 7B:1E-9C:04-11:22\n"
            "  If the hospital reads out the same: consilium-hub approve st-mary\n");
  EXPECT_EQ(SitesText({}, FakeClock().Wall()), "No site yet. Invite one: consilium-hub invite NAME\n");
}

TEST(InvitationsText, SaysWhatBecameOfEach) {
  const auto reply = Parse<v1::InvitationsReply>(
      "invitations { site: 'coast' display_name: 'Coast' state: 'expired' expires_ms: 1772460000000 }"
      "invitations { site: 'st-mary' display_name: 'St. Mary' state: 'open' expires_ms: 1772463600000 }");
  EXPECT_EQ(InvitationsText(reply),
            "site     name      state    expires\n"
            "coast    Coast     expired  2026-03-02T14:00:00.000Z\n"
            "st-mary  St. Mary  open     2026-03-02T15:00:00.000Z\n");
  EXPECT_EQ(InvitationsText({}), "No invitation. Invite a hospital: consilium-hub invite NAME\n");
  const auto json = nlohmann::json::parse(InvitationsJson(reply));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[1], (nlohmann::json{
                         {"site", "st-mary"}, {"name", "St. Mary"}, {"state", "open"}, {"expires_ms", 1772463600000}}));
  EXPECT_EQ(InvitationsJson({}), "[]\n");
}

TEST(RunJsonLine, IsOneObjectALine) {
  const std::string line = RunJsonLine(Running().run());
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(nlohmann::json::parse(line), nlohmann::json::parse(RunJson(Running().run())));
}

TEST(SitesJson, Parses) {
  const auto json = nlohmann::json::parse(SitesJson(FiveSites()));
  EXPECT_EQ(json["federation"], "Sarcoma Network");
  ASSERT_EQ(json["sites"].size(), 5U);
  EXPECT_EQ(json["sites"][0], (nlohmann::json{{"site", "coast"},
                                              {"name", "Coast"},
                                              {"state", "connected"},
                                              {"since_ms", kNow - 3 * 86'400'000},
                                              {"training_patients", 96},
                                              {"validation_patients", 8},
                                              {"certificate_days_left", 87},
                                              {"key_fingerprint", "AA:BB"},
                                              {"last_seen_ms", kNow}}));
}

TEST(RunText, SaysWhatTheSitesCannotUse) {
  v1::FederationState state = Running();
  *state.mutable_sites(1)->mutable_studies() = FiveSites().sites(2).studies();
  EXPECT_NE(RunText(state).find(": 500 studies, 5 quarantined (4 no-suv, 1 label)\nRound 2"), std::string::npos)
      << RunText(state);
}

TEST(SitesJson, HasTheStudiesOfASiteThatSaidIt) {
  const auto json = nlohmann::json::parse(SitesJson(FiveSites()));
  EXPECT_EQ(json["sites"][2]["studies"],
            (nlohmann::json{{"studies", 500}, {"quarantined", 5}, {"reasons", {{"label", 1}, {"no-suv", 4}}}}));
}

TEST(RunText, ShowsTheRoundsAndWhatHappensNow) {
  EXPECT_EQ(RunText(Running()),
            "Run sarcoma-1   model abcd01000000 (version 1, 5.6 MB)\n"
            "round   Dice   loss  sites         seconds  up     down\n"
            "    1  0.513  0.625  coast, north     61.3  11 MB  17 MB\n"
            "Round 2 of 40   1 of 4 updates in   waiting for coast (training, 71 %), valley (uploading)   Dice 0.51"
            "   excluded: hill (rejected: its norm is 9)\n");
  EXPECT_EQ(RunText({}), "No run yet. Start one: consilium-hub run start PLAN.toml\n");
}

TEST(RunLine, SaysInWhichPhaseTheRunIs) {
  v1::FederationState state = Running();
  v1::RunView& run = *state.mutable_run();
  *run.add_history() = Parse<v1::RoundView>("round: 2 dice: 0.4326");
  state.mutable_sites()->Clear();
  EXPECT_EQ(RunLine(state), "Round 2 of 40   1 of 4 updates in   Dice 0.43 (-0.08)   excluded: none");
  run.set_phase("aggregating");
  EXPECT_EQ(RunLine(state), "Round 2 of 40   1 of 4 updates in   averaging");
  run.set_phase("waiting");
  run.set_reason("the plan needs 3 connected sites");
  EXPECT_EQ(RunLine(state), "Run sarcoma-1 waits: the plan needs 3 connected sites");
  run.set_phase("finishing");
  *state.add_sites() = Parse<v1::SiteView>("site: 'coast' progress: 'lost'");
  EXPECT_EQ(RunLine(state), "Run sarcoma-1: the sites evaluate the last model   waiting for coast (lost)");
  *state.add_sites() = Parse<v1::SiteView>("site: 'north' progress: 'ordered'");
  EXPECT_EQ(RunLine(state), "Run sarcoma-1: the sites evaluate the last model   waiting for north (ordered)");
  run.set_phase("failed");
  run.set_reason("no quorum");
  EXPECT_TRUE(Ended(run));
  EXPECT_EQ(RunLine(state), "Run sarcoma-1 has failed: no quorum");
  run.set_phase("aborted");
  EXPECT_EQ(EndText(run), "Run sarcoma-1 was aborted: no quorum");
  run.set_phase("done");
  run.set_final_dice(0.8149);
  EXPECT_EQ(EndText(run),
            "Run sarcoma-1 is done: 2 rounds, Dice 0.81. Get the model: consilium-hub model export --out FILE");
}

TEST(RoundLine, IsOneLine) {
  EXPECT_EQ(RoundLine(Running().run().history(0)),
            "Round 1   Dice 0.51   loss 0.625   61.3 s   11 MB up   coast 0.25  north 0.78");
}

TEST(RunJson, ParsesWithEveryNumber) {
  v1::FederationState state = Running();
  *state.mutable_run()->add_final_results() = Parse<v1::SiteResult>("site: 'coast' dice: 0.5 cases: 8");
  v1::SiteResult& north = *state.mutable_run()->mutable_history(0)->mutable_results(1);
  north.set_precision("bfloat16");
  north.set_device("cuda:0");
  north.set_threads(8);
  const auto json = nlohmann::json::parse(RunJson(state.run()));
  EXPECT_EQ(json["run"], "sarcoma-1");
  EXPECT_EQ(json["phase"], "training");
  EXPECT_EQ(json["round"], 2);
  EXPECT_EQ(json["rounds"], 40);
  EXPECT_EQ(json["model_digest"], "abcd01000000ff");
  EXPECT_EQ(json["model_version"], 1);
  EXPECT_EQ(json["bytes"], (nlohmann::json{{"up", 11'200'000}, {"down", 16'800'000}}));
  ASSERT_EQ(json["history"].size(), 1U);
  const auto& round = json["history"][0];
  EXPECT_EQ(round["round"], 1);
  EXPECT_EQ(round["bytes"], (nlohmann::json{{"up", 11'200'000}, {"down", 16'800'000}}));
  EXPECT_EQ(round["dice"], 0.5126);
  EXPECT_EQ(round["loss"], 0.62549);
  EXPECT_EQ(round["seconds"], 61.26);
  EXPECT_EQ(round["model_digest"], "0102");
  EXPECT_EQ(round["sites"][1],
            nlohmann::json::parse(R"({"site": "north", "dice": 0.775, "cases": 31, "loss": 0.5, "samples": 412,
                                      "seconds": 58.0, "precision": "bfloat16", "device": "cuda:0", "threads": 8})"));
  EXPECT_EQ(json["final"], nlohmann::json::parse(R"([{"site": "coast", "dice": 0.5, "cases": 8}])"));
  EXPECT_EQ(nlohmann::json::parse(RunJson({}))["history"].size(), 0U);
}

TEST(AuditText, IsATableAndSaysWhetherTheChainHolds) {
  v1::AuditReply audit = Parse<v1::AuditReply>(
      "chain_holds: true events { number: 9 time_ms: 1772460000000 actor: 'hub' action: 'init' subject: 'Net' } "
      "events { number: 10 time_ms: 1772460001500 actor: 'administrator ann' action: 'invite' subject: 'north' "
      "detail: 'until Friday' }");
  const std::string table =
      "no.  time                      who                what    of     detail\n"
      "  9  2026-03-02T14:00:00.000Z  hub                init    Net\n"
      " 10  2026-03-02T14:00:01.500Z  administrator ann  invite  north  until Friday\n";
  EXPECT_EQ(AuditText(audit), table + "The chain holds.\n");
  audit.set_chain_holds(false);
  audit.set_first_bad(10);
  EXPECT_EQ(AuditText(audit), table +
                                  "The chain is BROKEN at entry 10: somebody has changed the database since it "
                                  "was written.\n");
}

}  // namespace
}  // namespace consilium
