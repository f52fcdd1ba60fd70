// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Whole federations in one process: a real hub, real TLS, sites that speak the real protocol.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "hub/console/admin_client.h"
#include "proto/codec.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_federation.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;

// Three sites with weights 10, 20, 30 and changes 1, -0.5, 0.25 a round: mean 7.5 / 60 = 0.125, exact in binary.
struct ThreeSites {
  TestFederation federation;
  SiteKit north = federation.Join("North"), coast = federation.Join("Coast"), valley = federation.Join("Valley");
  EmulatorOptions north_options = federation.At(10, 1), coast_options = federation.At(20, -0.5),
                  valley_options = federation.At(30, 0.25);
  std::unique_ptr<SiteEmulator> a, b, c;

  void Connect() {
    a = std::make_unique<SiteEmulator>(north, north_options);
    b = std::make_unique<SiteEmulator>(coast, coast_options);
    c = std::make_unique<SiteEmulator>(valley, valley_options);
    for (SiteEmulator* site : {a.get(), b.get(), c.get()}) {
      ASSERT_TRUE(site->WaitFor([](const SiteEmulator& s) { return s.sessions > 0; }));
    }
  }
};

// Every number of `model` is that of the first model of the plan plus `change`.
void ExpectMoved(const GlobalModel& model, const RunPlan& plan, double change) {
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  ASSERT_EQ(model.parameters.arrays.size(), first.arrays.size());
  for (std::size_t a = 0; a < first.arrays.size(); ++a) {
    for (std::size_t i = 0; i < first.arrays[a].values.size(); ++i) {
      ASSERT_NEAR(model.parameters.arrays[a].values[i], first.arrays[a].values[i] + change, 1e-6)
          << first.arrays[a].name << " " << i;
    }
  }
}

TEST(Federation, ThreeSitesThreeRoundsGiveTheWeightedMean) {
  ThreeSites t;
  t.north_options.dice = 0.2;
  t.coast_options.dice = 0.4;
  t.valley_options.dice = 0.9;
  t.Connect();
  const RunPlan plan = TinyPlan(3, 3);
  const std::string run = t.federation.Start(plan);
  EXPECT_EQ(run, "tiny-1");
  const v1::RunView view = t.federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "done") << view.reason();
  EXPECT_EQ(view.history_size(), 3);
  EXPECT_EQ(view.model_version(), 3);
  EXPECT_NEAR(view.final_dice(), 0.5, 1e-12);
  EXPECT_NEAR(view.history(0).dice(), 0.5, 1e-12);
  EXPECT_EQ(view.history(2).results_size(), 3);
  EXPECT_NEAR(view.history(1).loss(), 0.5, 1e-12);
  const GlobalModel model = t.federation.Model();
  const TemporaryFolder folder;
  AdminClient admin(t.federation.hub().addresses().admin_socket, {});
  ExpectError(ErrorCode::kInvalidArgument, "there is no folder " + (folder / "none").string(),
              [&] { admin.ExportModel({}, folder / "none/m.safetensors"); });
  admin.ExportModel({}, folder / "m.safetensors");
  EXPECT_EQ(ReadModelFile(folder / "m.safetensors").digest, model.digest);
  ExpectMoved(model, plan, 3 * 0.125);
  EXPECT_EQ(model.card.version, ModelVersion(3));
  EXPECT_EQ(model.card.sites, 3);
  EXPECT_EQ(model.card.samples, 60);
  EXPECT_EQ(model.card.run, RunId(run));
  EXPECT_EQ(ToBytes(model.digest), view.model());
  // Three downloads and three uploads a round, and at least as many bytes as there are numbers.
  const auto numbers = static_cast<std::uint64_t>(model.parameters.Count()) * 4;
  EXPECT_GT(view.bytes_up(), 9 * numbers);
  EXPECT_GT(view.bytes_down(), 9 * numbers);
  EXPECT_LT(view.bytes_up(), 9 * (numbers + 4096));
}

TEST(Federation, TheSameModelForEveryOrderOfArrivalAndOtherOneForAnotherSeed) {
  std::string digests[3];
  for (int order = 0; order < 2; ++order) {
    ThreeSites t;
    (order == 0 ? t.north_options : t.valley_options).work = 60ms;
    t.coast_options.work = 30ms;
    t.Connect();
    t.federation.Start(TinyPlan(2, 3));
    ASSERT_EQ(t.federation.WaitForEnd().phase(), "done");
    digests[order] = t.federation.Model().digest.Hex();
  }
  EXPECT_EQ(digests[0], digests[1]);
  ThreeSites t;
  t.Connect();
  RunPlan other = TinyPlan(2, 3);
  other.seed = 2;
  t.federation.Start(other);
  ASSERT_EQ(t.federation.WaitForEnd().phase(), "done");
  EXPECT_NE(t.federation.Model().digest.Hex(), digests[0]);
}

TEST(Federation, ASiteKilledInARoundDoesNotStopTheOthers) {
  ThreeSites t;
  t.valley_options.dies = [](const v1::TrainOrder& order) { return order.round() == 2; };
  t.Connect();
  const RunPlan plan = TinyPlan(3, 3);
  t.federation.Start(plan);
  const v1::RunView view = t.federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "done") << view.reason();
  EXPECT_EQ(view.history(0).sites_size(), 3);
  EXPECT_EQ(view.history(1).sites_size(), 2);
  EXPECT_EQ(view.history(2).sites_size(), 2);
  // Rounds 2 and 3: (10 * 1 - 20 * 0.5) / 30 = 0.
  ExpectMoved(t.federation.Model(), plan, 0.125);
}

TEST(Federation, ALateSiteTakesPartFromTheNextRoundOn) {
  ThreeSites t;
  t.north_options.work = t.coast_options.work = 300ms;
  t.a = std::make_unique<SiteEmulator>(t.north, t.north_options);
  t.b = std::make_unique<SiteEmulator>(t.coast, t.coast_options);
  t.federation.Start(TinyPlan(3, 2), {}, true);
  t.federation.WaitFor([](const v1::FederationState& state) { return state.run().round() == 1; });
  t.c = std::make_unique<SiteEmulator>(t.valley, t.valley_options);
  const v1::RunView view = t.federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "done") << view.reason();
  EXPECT_EQ(view.history(0).sites_size(), 2);
  EXPECT_EQ(view.history(2).sites_size(), 3);
}

TEST(Federation, AnOrderIsSentAgainAfterAShortCut) {
  ThreeSites t;
  t.valley_options.dies = [](const v1::TrainOrder&) { return true; };
  t.Connect();
  t.federation.Start(TinyPlan(1, 3));
  ASSERT_TRUE(t.c->WaitFor([](const SiteEmulator& s) { return !s.orders.empty(); }));
  t.c->Kill();
  t.valley_options.dies = {};
  t.c = std::make_unique<SiteEmulator>(t.valley, t.valley_options);  // within the grace
  const v1::RunView view = t.federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "done") << view.reason();
  EXPECT_EQ(view.history(0).sites_size(), 3);
}

struct Spoiled {
  const char* words;
  std::function<void(ModelUpdate&)> tamper;
};

// One way to be wrong for each round.
const std::vector<Spoiled>& Spoils() {
  static const std::vector<Spoiled> spoils = {
      {"`encoder.stages.0.0.convs.0.conv.bias` holds a number that is not finite",
       [](ModelUpdate& u) { u.delta.arrays[1].values[0] = std::nanf(""); }},
      {"is not finite", [](ModelUpdate& u) { u.delta.arrays[0].values[0] = std::numeric_limits<float>::infinity(); }},
      {"the model has", [](ModelUpdate& u) { std::swap(u.delta.arrays[0].shape[0], u.delta.arrays[0].shape[1]); }},
      {"`other`", [](ModelUpdate& u) { u.delta.arrays[0].name = "other"; }},
      {"it has 15 arrays, the model has 16", [](ModelUpdate& u) { u.delta.arrays.pop_back(); }},
      {"it was trained from model", [](ModelUpdate& u) { u.base.bytes[0] ^= 1; }},
      {"its norm is",
       [](ModelUpdate& u) {
         for (NamedArray& array : u.delta.arrays) array.values.assign(array.values.size(), 900);
       }},
      {"changes are at most", [](ModelUpdate& u) { u.delta.arrays[0].values[0] = 3e30F; }},
      {"31 training patients; the site has declared 30", [](ModelUpdate& u) { u.metrics.samples = 31; }},
      {"51 steps; the plan has 50", [](ModelUpdate& u) { u.metrics.steps = 51; }},
      {"calls itself tiny-1/1/valley/1", [](ModelUpdate& u) { u.id.round = RoundNumber(1); }},
      {"calls itself tiny-1/12/north/1", [](ModelUpdate& u) { u.id.site = SiteId("north"); }},
  };
  return spoils;
}

TEST(Federation, BadUpdatesAreRefusedInWordsAndTheRoundsGoOn) {
  ThreeSites t;
  t.valley_options.tamper = [](ModelUpdate& update) {
    Spoils()[static_cast<std::size_t>(update.id.round.value() - 1)].tamper(update);
  };
  t.Connect();
  const RunPlan plan = TinyPlan(static_cast<std::int64_t>(Spoils().size()), 3);
  t.federation.Start(plan);
  const v1::RunView view = t.federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "done") << view.reason();
  ExpectMoved(t.federation.Model(), plan, 0);  // north and coast: (10 - 10) / 30
  ASSERT_TRUE(t.c->WaitFor([](const SiteEmulator& s) { return s.verdicts.size() == Spoils().size(); }));
  t.c->Kill();
  const v1::AuditReply audit = t.federation.Audit();
  for (std::size_t i = 0; i < Spoils().size(); ++i) {
    const std::string reason = t.c->verdicts[i].reason();
    EXPECT_FALSE(t.c->verdicts[i].accepted());
    EXPECT_NE(reason.find(Spoils()[i].words), std::string::npos) << i << ": " << reason;
    EXPECT_EQ(view.history(static_cast<int>(i)).sites_size(), 2) << i;
    EXPECT_TRUE(std::any_of(audit.events().begin(), audit.events().end(), [&](const v1::AuditEvent& event) {
      return event.action() == "refuse update" && event.detail() == reason;
    })) << reason;
  }
}

TEST(Federation, AFileThatIsNoUpdateIsRefused) {
  ThreeSites t;
  t.valley_options.tamper_file = [](std::vector<std::byte>& file) { file[7] = std::byte{0x7f}; };
  t.Connect();
  t.federation.Start(TinyPlan(1, 3));
  EXPECT_EQ(t.federation.WaitForEnd().history(0).sites_size(), 2);
  ASSERT_TRUE(t.c->WaitFor([](const SiteEmulator& s) { return !s.verdicts.empty(); }));
  t.c->Kill();
  EXPECT_NE(t.c->verdicts[0].reason().find("no valid safetensors file"), std::string::npos)
      << t.c->verdicts[0].reason();
}

TEST(Federation, TheRunFailsInWordsWithoutAQuorum) {
  ThreeSites t;
  const auto spoil = [](ModelUpdate& u) { u.delta.arrays[0].values[0] = std::nanf(""); };
  t.coast_options.tamper = t.valley_options.tamper = spoil;
  t.Connect();
  t.federation.Start(TinyPlan(2, 3));
  const v1::RunView view = t.federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "failed");
  EXPECT_NE(view.reason().find("was tried twice and got 1 of the 2 updates"), std::string::npos) << view.reason();
  EXPECT_NE(view.reason().find("is not finite"), std::string::npos) << view.reason();
}

TEST(Federation, ARunStopsAtItsTargetDice) {
  ThreeSites t;
  t.north_options.dice = t.coast_options.dice = t.valley_options.dice = 0.9;
  t.Connect();
  RunPlan plan = TinyPlan(9, 3);
  plan.target_dice = 0.8;
  t.federation.Start(plan);
  const v1::RunView view = t.federation.WaitForEnd();
  EXPECT_EQ(view.phase(), "done");
  EXPECT_EQ(view.history_size(), 1);
}

TEST(Federation, AnAbortedRunTellsItsSites) {
  ThreeSites t;
  t.north_options.work = t.coast_options.work = t.valley_options.work = 500ms;
  t.Connect();
  t.federation.Start(TinyPlan(5, 3));
  ASSERT_TRUE(t.a->WaitFor([](const SiteEmulator& s) { return !s.orders.empty(); }));
  ExpectError(ErrorCode::kFailedPrecondition, "is still going on", [&] { t.federation.Start(TinyPlan(1, 3)); });
  const v1::RunView view = t.federation.Abort("the plan was wrong");
  EXPECT_EQ(view.phase(), "aborted");
  EXPECT_EQ(view.reason(), "the plan was wrong");
  EXPECT_TRUE(t.a->WaitFor([](const SiteEmulator& s) { return !s.cancels.empty(); }));
  ExpectError(ErrorCode::kFailedPrecondition, "no run is going on", [&] { t.federation.Abort("again"); });
  // The next run of the same plan has the next number.
  EXPECT_EQ(t.federation.Start(TinyPlan(1, 3)), "tiny-2");
  EXPECT_EQ(t.federation.WaitForEnd().phase(), "done");
  EXPECT_EQ(t.federation.State("tiny-1").run().phase(), "aborted");
}

TEST(Federation, APlanThatCannotBeginIsRefusedInWords) {
  ThreeSites t;
  t.valley_options.training_patients = 2;
  t.Connect();
  RunPlan plan = TinyPlan(1, 3);
  ExpectError(
      ErrorCode::kFailedPrecondition,
      "the plan needs 3 eligible sites with at least 3 training patients; 2 are (coast 20, north 10; valley has 2)",
      [&] { t.federation.Start(plan); });
  t.federation.Join("Hill");
  ExpectError(ErrorCode::kFailedPrecondition, "hill has not connected yet", [&] { t.federation.Start(plan); });
  // A rule that the hub does not know: refused by the hub, which names those it knows, and nothing is kept of it.
  plan.eligibility.min_sites = 2;
  plan.aggregation.rule = "krum";
  ExpectError(ErrorCode::kInvalidArgument, "`aggregation.rule` is \"krum\"\n  This hub knows: fedavg",
              [&] { t.federation.Start(plan); });
  EXPECT_FALSE(t.federation.State().has_run());
  EXPECT_TRUE(std::filesystem::is_empty(t.federation.dir() / "models"));
  const v1::AuditReply audit = t.federation.Audit();
  for (const v1::AuditEvent& event : audit.events()) EXPECT_NE(event.action(), "start run");
}

TEST(Federation, ARunBeginsFromAGivenModel) {
  ThreeSites t;
  t.Connect();
  const RunPlan plan = TinyPlan(1, 3);
  t.federation.Start(plan);
  t.federation.WaitForEnd();
  GlobalModel first = t.federation.Model();
  t.federation.Start(plan, SerializeModel(first.card, first.parameters));
  ASSERT_EQ(t.federation.WaitForEnd().phase(), "done");
  ExpectMoved(t.federation.Model(), plan, 0.25);
  RunPlan other = plan;
  other.network.features = {2, 4};
  ExpectError(ErrorCode::kInvalidArgument, "another network than the plan's",
              [&] { t.federation.Start(other, SerializeModel(first.card, first.parameters)); });
  first.parameters.arrays[0].values[0] = std::nanf("");
  ExpectError(ErrorCode::kInvalidArgument, "NaN",
              [&] { t.federation.Start(plan, SerializeModel(first.card, first.parameters)); });
}

TEST(Federation, EverybodySeesTheStatePushed) {
  ThreeSites t;
  t.Connect();
  t.federation.Start(TinyPlan(2, 3));
  t.federation.WaitForEnd();
  EXPECT_TRUE(t.b->WaitFor([](const SiteEmulator& s) { return s.state.run().phase() == "done" && s.heartbeats > 0; }));
  t.b->Kill();
  EXPECT_EQ(t.b->state.federation(), "Sarcoma Network");
  EXPECT_EQ(t.b->state.sites_size(), 3);
  EXPECT_EQ(t.b->state.sites(0).site(), "coast");
  EXPECT_EQ(t.b->state.sites(0).training_patients(), 20);
  EXPECT_EQ(t.b->welcome.site(), "coast");
}

// The last sign of life, not the time of connecting: of a site that is there, of one that was shut out while it was,
// and of one whose line was open but silent before it broke.
TEST(Federation, ASiteWasLastSeenWhenItLastSaidSomething) {
  TestFederation federation([](HubOptions& options) { options.heartbeat_s = 5; });
  const auto seen = [&] { return federation.State().sites(0).last_seen_ms(); };
  const SiteKit kit = federation.Join("North");
  SiteEmulator talking(kit, federation.At(10, 1));  // a heartbeat each 0.2 s
  ASSERT_TRUE(talking.WaitFor([](const SiteEmulator& s) { return s.sessions > 0; }));
  const std::int64_t connected = seen();
  federation.WaitFor([&](const v1::FederationState& s) { return s.sites(0).last_seen_ms() >= connected + 600; });
  EXPECT_EQ(federation.State().sites(0).state(), "connected");
  federation.Suspend("north");
  EXPECT_GE(seen(), connected + 599);  // the same sign again; two clocks are read, so it may differ by a millisecond
  EXPECT_EQ(federation.State().sites(0).state(), "suspended");
  talking.Kill();

  federation.Approve("north");
  EmulatorOptions silent_options = federation.At(10, 1);
  silent_options.heartbeat_s = 100;
  SiteEmulator silent(kit, silent_options);
  ASSERT_TRUE(silent.WaitFor([](const SiteEmulator& s) { return s.sessions > 0; }));
  const std::int64_t again = seen();
  std::this_thread::sleep_for(700ms);  // in which it says nothing
  silent.Kill();
  federation.WaitFor([](const v1::FederationState& s) { return s.sites(0).state() != "connected"; });
  EXPECT_LT(seen(), again + 350);
}

}  // namespace
}  // namespace consilium
