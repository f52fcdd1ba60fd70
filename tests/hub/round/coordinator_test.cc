// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The coordinator with real stores and a real loop, without network: the test speaks for the sites.
#include "hub/round/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include "hub/store/schema.h"
#include "tests/hub/small_run.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const SiteId kNorth("north"), kCoast("coast"), kValley("valley");

class CoordinatorTest : public testing::Test {
 protected:
  CoordinatorTest() { Restart(); }
  ~CoordinatorTest() override { loop_->Stop(); }

  // A hub that died and came back: what was sent or due is gone, what was stored is there.
  void Restart(std::chrono::milliseconds grace = 60s) {
    loop_.reset();
    coordinator_.reset();
    spool_.emplace(database_, folder_ / "spool");
    loop_.emplace();
    coordinator_.emplace(
        CoordinatorParts{database_, runs_, *spool_, models_, audit_, *loop_, clock_, FederationId("net"), 2ms},
        CoordinatorPorts{
            [this](const SiteId& site, v1::HubMessage message) { sent_.emplace_back(site.text(), std::move(message)); },
            [this] { ++changes_; },
            [this](const SiteId& site) {
              return shut_.contains(site) ? "site " + site.text() + " is suspended" : std::string();
            }});
    On([&] { coordinator_->Resume(grace); });
  }
  // Runs `work` on the loop, then all that it has posted there.
  template <class Work>
  auto On(Work work) -> decltype(work()) {
    struct Settled {
      EventLoop& loop;
      ~Settled() {
        for (int i = 0; i < 5; ++i) loop.Call([] {});
      }
    } settled{*loop_};
    return loop_->Call(std::move(work));
  }
  RunState State() {
    return On([&] { return *coordinator_->state(); });
  }
  RunState WaitFor(const std::function<bool(const RunState&)>& true_now) {
    for (int i = 0; i < 500; ++i) {
      RunState state = State();
      if (true_now(state)) return state;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "it did not happen in time: " << Name(State().phase);
    return State();
  }
  RunId Start(const RunPlan& plan, const std::map<SiteId, std::int64_t>& sites,
              const std::optional<GlobalModel>& first = {}) {
    return On([&] { return coordinator_->Start(plan, first, sites); });
  }
  std::string FileFor(const SubmissionId& id, float change, std::int64_t samples) {
    return TextOf(SerializeUpdate(SmallUpdate(SmallPlan(), id, State().model, change, samples)));
  }
  v1::UploadState Offer(const SubmissionId& id, const std::string& file) {
    return On([&] { return coordinator_->Offer(id.site, HeaderOf(id, file)); });
  }
  v1::UploadState Store(const SubmissionId& id, const std::string& file, std::size_t from = 0,
                        std::size_t to = std::string::npos) {
    return On([&] { return coordinator_->Store(id.site, HeaderOf(id, file), PartOf(file, from, to)); });
  }
  // A whole update from the round's model, offered and sent.
  void Update(const SiteId& site, float change, std::int64_t samples) {
    const RunState state = State();
    const SubmissionId id{state.run, state.round, site, state.attempt};
    const std::string file = FileFor(id, change, samples);
    Offer(id, file);
    Store(id, file);
  }
  GlobalModel Model() { return ParseModel(models_.Get(State().model), "the model"); }
  float Moved(const GlobalModel& model) {  // of the last number, since the first model
    return model.parameters.arrays.back().values.back() -
           InitialParameters(SmallPlan().network, 1).arrays.back().values.back();
  }
  // "north train 1/1, coast cancel": what was sent since the last call.
  std::string Sent() {
    return On([&] {
      std::string text;
      for (const auto& [site, message] : sent_) {
        text += (text.empty() ? "" : ", ") + site + " ";
        if (message.has_train()) {
          text += "train " + std::to_string(message.train().round()) + "/" + std::to_string(message.train().attempt());
        } else if (message.has_verdict()) {
          text += message.verdict().accepted() ? "accepted" : "refused: " + message.verdict().reason();
        } else {
          text += message.has_cancel() ? "cancel" : message.has_evaluate() ? "evaluate" : "?";
        }
      }
      sent_.clear();
      return text;
    });
  }
  // From now on the database has no room for events of a kind: they bring a megabyte along.
  void FillDatabase(const std::string& kind) {
    On([&] {
      database_.Run("CREATE TABLE filler (bytes BLOB)");
      database_.Run("CREATE TRIGGER big BEFORE INSERT ON events WHEN new.event LIKE '%" + kind +
                    "%' BEGIN INSERT INTO filler VALUES (zeroblob(1000000)); END");
      Statement limit(database_, "PRAGMA max_page_count = 200");
      limit.Step();
    });
  }
  void MakeRoom() {
    On([&] {
      Statement limit(database_, "PRAGMA max_page_count = 1000000");
      limit.Step();
    });
  }
  std::size_t FilesIn(const char* folder) const {
    const auto all = std::filesystem::recursive_directory_iterator(folder_ / folder);
    return static_cast<std::size_t>(
        std::count_if(begin(all), end(all), [](const auto& entry) { return entry.is_regular_file(); }));
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  Database database_ = OpenHubDatabase(folder_ / "hub.sqlite");
  RunStore runs_{database_};
  FullDisk disk_;
  FileStore models_{folder_ / "models", disk_};
  AuditLog audit_{database_, clock_};
  std::optional<Spool> spool_;
  std::vector<std::pair<std::string, v1::HubMessage>> sent_;
  int changes_ = 0;
  std::set<SiteId> shut_;  // the loop's thread
  std::optional<Coordinator> coordinator_;
  std::optional<EventLoop> loop_;
};

TEST_F(CoordinatorTest, StoresARunAndOrdersItFromTheSitesThatMayTakePart) {
  EXPECT_EQ(Start(SmallPlan(), {{kNorth, 10}, {kCoast, 20}, {kValley, 2}}), RunId("tiny-1"));
  EXPECT_EQ(Sent(), "coast train 1/1, north train 1/1");
  const GlobalModel first = Model();
  EXPECT_EQ(first.parameters, InitialParameters(SmallPlan().network, 1));
  EXPECT_EQ(first.card.run, RunId("tiny-1"));
  EXPECT_EQ(first.card.federation, FederationId("net"));
  EXPECT_EQ(first.card.version, ModelVersion(0));
  EXPECT_EQ(first.card.patch, SmallPlan().train.patch);
  EXPECT_EQ(runs_.Find(RunId("tiny-1"))->first_model, first.digest);
  EXPECT_EQ(audit_.Newest(1)[0].action, "start run");
  ExpectError(ErrorCode::kFailedPrecondition,
              "run tiny-1 is still going on\n  Wait for its end, or stop it: consilium-hub run abort tiny-1",
              [&] { Start(SmallPlan(), {}); });
}

TEST_F(CoordinatorTest, AnUnknownRuleIsRefusedBeforeAnythingIsStored) {
  RunPlan plan = SmallPlan();
  plan.aggregation.rule = "krum";
  ExpectError(ErrorCode::kInvalidArgument, "the plan's `aggregation.rule` is \"krum\"\n  This hub knows: fedavg", [&] {
    Start(plan, {{kNorth, 10}, {kCoast, 20}});
  });
  plan = SmallPlan();
  plan.rounds = 0;
  ExpectError(ErrorCode::kInvalidArgument, "`rounds` must lie", [&] { Start(plan, {{kNorth, 10}, {kCoast, 20}}); });
  EXPECT_FALSE(runs_.Newest());
  EXPECT_TRUE(audit_.Newest(1).empty());
  EXPECT_EQ(FilesIn("models"), 0U);
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(Start(SmallPlan(), {{kNorth, 10}, {kCoast, 20}}), RunId("tiny-1"));
}

TEST_F(CoordinatorTest, AGivenFirstModelMustBeThePlans) {
  ModelCard card;
  card.network = SmallPlan().network;
  card.prep = SmallPlan().prep;
  card.patch = 2 * SmallPlan().train.patch;
  const Parameters numbers = InitialParameters(card.network, 77);
  const auto given = [&] { return ParseModel(SerializeModel(card, numbers), "given"); };
  card.prep.spacing_mm = 5;
  ExpectError(ErrorCode::kInvalidArgument, "was trained on data prepared by another plan",
              [&] { Start(SmallPlan(), {}, given()); });
  card.prep = SmallPlan().prep;
  RunPlan other = SmallPlan();
  other.network.features = {2, 2};
  ExpectError(ErrorCode::kInvalidArgument, "the given model is another network than the plan's",
              [&] { Start(other, {}, given()); });
  other = SmallPlan();
  other.labels = {"SCT 10200004 Liver"};
  ExpectError(ErrorCode::kInvalidArgument,
              "the given model finds SCT 108369006 \"Neoplasm\", the plan asks for SCT 10200004 \"Liver\"",
              [&] { Start(other, {}, given()); });
  EXPECT_FALSE(runs_.Newest());
  Start(SmallPlan(), {}, given());
  EXPECT_EQ(Model().parameters, numbers);
  EXPECT_EQ(Model().card.parent, given().digest);
  EXPECT_EQ(Model().card.patch, SmallPlan().train.patch) << "the run's, not the given model's";
  EXPECT_EQ(Model().card.Label(), SmallPlan().Label());
}

TEST_F(CoordinatorTest, ARunGoesFromOrdersOverVerdictsToTheLastModel) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Sent();
  clock_.Advance(2500ms);
  Update(kNorth, 0.5F, 10);
  EXPECT_EQ(Sent(), "north accepted");
  EXPECT_EQ(State().phase, RunPhase::kTraining);
  Update(kCoast, 0.25F, 30);
  EXPECT_EQ(Sent(), "coast accepted, coast train 2/1, north train 2/1");
  EXPECT_EQ(Moved(Model()), 0.3125F);  // (10 * 0.5 + 30 * 0.25) / 40
  EXPECT_EQ(Model().card.version, ModelVersion(1));
  EXPECT_EQ(Model().card.samples, 40);
  EXPECT_EQ(Model().card.sites, 2);
  EXPECT_EQ(State().history[0].seconds, 2.5);
  EXPECT_EQ(FilesIn("spool"), 0U);  // summed, so gone
  Update(kNorth, 0, 10);
  Update(kCoast, 0, 30);
  EXPECT_THAT(Sent(), HasSubstr("coast evaluate, north evaluate"));
  for (const SiteId& site : {kNorth, kCoast}) {
    v1::Evaluation evaluation;
    evaluation.set_run("tiny-1");
    evaluation.set_model(ToBytes(State().model));
    evaluation.set_dice_sum(site == kNorth ? 0.5 : 2.5);
    evaluation.set_cases(site == kNorth ? 1 : 3);
    On([&] { coordinator_->Evaluated(site, evaluation); });
  }
  EXPECT_EQ(State().phase, RunPhase::kDone);
  EXPECT_EQ(State().final_dice, 0.75);
  EXPECT_EQ(audit_.Newest(1)[0].action, "end run");
  EXPECT_EQ(runs_.Replay(RunId("tiny-1")), State());
  EXPECT_GT(runs_.TrafficOf(RunId("tiny-1")).at(RoundNumber(2)).up, 0U);
}

TEST_F(CoordinatorTest, TheDeadlineClosesARoundThatHasItsQuorumAndALateUpdateIsRefused) {
  RunPlan plan = SmallPlan();
  plan.round.deadline_s = 0.4;
  Start(plan, {{kNorth, 10}, {kCoast, 30}, {kValley, 20}});
  const SubmissionId late = SmallId("valley");
  const std::string file = FileFor(late, 9, 20);
  Update(kNorth, 0.5F, 10);
  Update(kCoast, 0.25F, 30);
  Offer(late, file);
  Store(late, file, 0, 100);  // its upload is cut
  Sent();
  WaitFor([](const RunState& state) { return state.round == RoundNumber(2); });
  EXPECT_THAT(Sent(), HasSubstr("valley cancel"));
  EXPECT_EQ(Moved(Model()), 0.3125F);
  // It goes on nevertheless, and is not in any sum.
  Store(late, file, 100);
  EXPECT_THAT(Sent(), HasSubstr("valley refused: the round closed before the update was judged"));
  EXPECT_FALSE(std::filesystem::exists(spool_->PathOf(late)));
  ExpectError(ErrorCode::kFailedPrecondition, "comes too late or too early: run tiny-1 is in round 2",
              [&] { Offer(SmallId("coast", 1, 2), file); });
}

TEST_F(CoordinatorTest, WithoutAQuorumARoundIsRepeatedOnceAndThenTheRunFails) {
  RunPlan plan = SmallPlan();
  plan.round.deadline_s = 0.2;
  Start(plan, {{kNorth, 10}, {kCoast, 30}});
  Update(kNorth, 0.5F, 10);
  EXPECT_EQ(WaitFor([](const RunState& state) { return state.attempt == 2; }).round, RoundNumber(1));
  EXPECT_THAT(Sent(), HasSubstr("coast train 1/2, north train 1/2"));
  const RunState failed = WaitFor([](const RunState& state) { return state.ended(); });
  EXPECT_EQ(failed.phase, RunPhase::kFailed);
  EXPECT_THAT(failed.reason, HasSubstr("round 1 was tried twice and got 0 of the 2 updates that it needs"));
  EXPECT_EQ(FilesIn("spool"), 0U);
}

TEST_F(CoordinatorTest, ASiteThatLeavesIsNotWaitedForAndComesBackInTheNextRound) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}, {kValley, 20}});
  Update(kNorth, 0.5F, 10);
  Update(kCoast, 0.25F, 30);
  EXPECT_EQ(State().round, RoundNumber(1));
  Sent();
  On([&] { coordinator_->SiteIsLost(kValley); });
  EXPECT_EQ(State().round, RoundNumber(2));
  EXPECT_EQ(Sent(), "coast train 2/1, north train 2/1");
  On([&] { coordinator_->SiteIsThere(kValley, 20); });
  EXPECT_EQ(Sent(), "");  // this round has its sites
  Update(kNorth, 0, 10);
  Update(kCoast, 0, 30);
  EXPECT_THAT(Sent(), HasSubstr("coast evaluate, north evaluate, valley evaluate"));
}

TEST_F(CoordinatorTest, AShortCutBringsTheOpenOrderAgainAndARepeatedUpdateItsVerdict) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Sent();
  On([&] { coordinator_->SiteIsThere(kNorth, 10); });
  EXPECT_EQ(Sent(), "north train 1/1");
  const std::string file = FileFor(SmallId(), 0.5F, 10);
  Offer(SmallId(), file);
  Store(SmallId(), file);
  EXPECT_EQ(Sent(), "north accepted");
  EXPECT_TRUE(Offer(SmallId(), file).complete());
  EXPECT_EQ(Sent(), "north accepted");  // the first verdict may be lost
  On([&] { coordinator_->SiteIsThere(kNorth, 10); });
  EXPECT_EQ(Sent(), "");
}

TEST_F(CoordinatorTest, ARestartGoesOnInTheRoundWithWhatHadArrived) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Update(kNorth, 0.5F, 10);
  const std::string file = FileFor(SmallId("coast"), 0.25F, 30);
  Offer(SmallId("coast"), file);
  std::ofstream(spool_->PathOf(SmallId("coast"))) << file;  // the hub dies between the last byte and its entry
  Sent();
  Restart();
  EXPECT_EQ(State().round, RoundNumber(1));
  EXPECT_EQ(Sent(), "");
  On([&] { coordinator_->SiteIsThere(kNorth, 10); });
  EXPECT_EQ(Sent(), "");  // its update is in
  On([&] { coordinator_->SiteIsThere(kCoast, 30); });
  EXPECT_EQ(Sent(), "coast train 1/1");
  EXPECT_TRUE(Offer(SmallId("coast"), file).complete());
  EXPECT_EQ(Sent(), "coast accepted, coast train 2/1, north train 2/1");
  EXPECT_EQ(Moved(Model()), 0.3125F);
}

TEST_F(CoordinatorTest, ARestartWithAFrozenRoundWaitsForItsSitesBeforeItIsSummed) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Update(kNorth, 0.5F, 10);
  const std::string file = FileFor(SmallId("coast"), 0.25F, 30);
  Offer(SmallId("coast"), file);
  loop_->Call([&] { coordinator_->Store(kCoast, HeaderOf(SmallId("coast"), file), PartOf(file, 0)); });
  Restart(300ms);
  On([&] { coordinator_->SiteIsThere(kNorth, 10); });
  Sent();
  const RunState next = WaitFor([](const RunState& state) { return state.round == RoundNumber(2); });
  EXPECT_EQ(next.sites.at(kCoast).connected, false);
  EXPECT_EQ(Moved(Model()), 0.3125F);
}

TEST_F(CoordinatorTest, TheNextRunIsNotTroubledByWhomTheLastOneAwaited) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Restart(200ms);
  On([&] { coordinator_->Abort(RunId(), "start again"); });
  On([&] { coordinator_->SiteIsThere(kNorth, 10); });
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  std::this_thread::sleep_for(400ms);  // the grace of the restart is over
  EXPECT_EQ(State().run, RunId("tiny-2"));
  EXPECT_TRUE(State().sites.at(kNorth).connected);
  EXPECT_EQ(State().sites.at(kNorth).progress, SiteProgress::kOrdered);
}

TEST_F(CoordinatorTest, AnAbortTellsTheSitesAndLeavesNoFile) {
  ExpectError(ErrorCode::kFailedPrecondition, "no run is going on\n  See: consilium-hub run show",
              [&] { On([&] { coordinator_->Abort(RunId(), "x"); }); });
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  const std::string file = FileFor(SmallId(), 0.5F, 10);
  Offer(SmallId(), file);
  Store(SmallId(), file, 0, 100);
  Sent();
  ExpectError(ErrorCode::kFailedPrecondition, "run tiny-9 is not going on",
              [&] { On([&] { coordinator_->Abort(RunId("tiny-9"), "x"); }); });
  On([&] { coordinator_->Abort(RunId("tiny-1"), "wrong plan"); });
  EXPECT_EQ(Sent(), "coast cancel, north cancel");
  EXPECT_EQ(State().phase, RunPhase::kAborted);
  EXPECT_EQ(State().reason, "wrong plan");
  // The rest of the upload was on its way.
  ExpectError(ErrorCode::kFailedPrecondition, "run tiny-1 is not going on", [&] { Store(SmallId(), file, 0, 100); });
  ExpectError(ErrorCode::kFailedPrecondition, "run tiny-1 is not going on", [&] { Offer(SmallId(), file); });
  EXPECT_EQ(FilesIn("spool"), 0U);
}

TEST_F(CoordinatorTest, NoSitesWordsCanSpoilWhatTheOthersAreTold) {
  RunPlan plan = SmallPlan();
  plan.eligibility.min_sites = plan.round.quorum = 3;
  Start(plan, {{kNorth, 10}, {kCoast, 30}, {kValley, 20}});
  v1::Refusal refusal;
  refusal.set_run("tiny-1");
  refusal.set_round(1);
  refusal.set_reason("\x1b[2J" + std::string(295, 'a') + "üüü");
  On([&] { coordinator_->Refused(kNorth, refusal); });
  EXPECT_EQ(State().sites.at(kNorth).reason, "?[2J" + std::string(295, 'a'));
  // The verdict quotes a name out of the update, cut where a letter has two bytes.
  ModelUpdate update = SmallUpdate(plan, SmallId("coast"), State().model, 0, 30);
  update.delta.arrays[0].name = "x";
  for (int i = 0; i < 60; ++i) update.delta.arrays[0].name += "ü";
  const std::string file = TextOf(SerializeUpdate(update));
  Offer(SmallId("coast"), file);
  Store(SmallId("coast"), file);
  const std::string reason = State().sites.at(kCoast).reason;
  EXPECT_THAT(reason, HasSubstr("array 1 is `xü"));
  v1::HubMessage back;
  On([&] {
    const std::string wire = sent_.back().second.SerializeAsString();
    EXPECT_TRUE(back.ParseFromString(wire)) << "the site cannot read its verdict";
  });
  EXPECT_EQ(back.verdict().reason(), reason);
  EXPECT_EQ(runs_.Replay(RunId("tiny-1")), State());
}

// It was on its way when the round was repeated: the site works on attempt 2 and its update counts.
TEST_F(CoordinatorTest, ALateRefusalOfTheFirstAttemptDoesNotTouchTheSecond) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Update(kNorth, 0.5F, 10);
  v1::Refusal refusal;
  refusal.set_run("tiny-1");
  refusal.set_round(1);
  refusal.set_attempt(1);
  refusal.set_reason("no room on the disk");
  On([&] { coordinator_->Refused(kCoast, refusal); });
  ASSERT_EQ(State().attempt, 2);
  for (const SiteId& site : {kNorth, kCoast}) On([&] { coordinator_->Refused(site, refusal); });
  Update(kNorth, 0.5F, 10);
  Update(kCoast, 0.25F, 30);
  const RunState next = State();
  ASSERT_EQ(next.history.size(), 1U);
  EXPECT_EQ(next.history[0].accepted.size(), 2U);
  EXPECT_EQ(ParseModel(models_.Get(next.history[0].model), "the model").card.samples, 40);
}

TEST_F(CoordinatorTest, AnUploadThatWasUnderWayWhenItsSiteWasShutOutIsNotTaken) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}, {kValley, 20}});
  const std::string file = FileFor(SmallId("coast"), 9, 30);
  Offer(SmallId("coast"), file);
  Store(SmallId("coast"), file, 0, 100);
  On([&] {
    shut_.insert(kCoast);
    coordinator_->SiteIsShut(kCoast);
  });
  EXPECT_EQ(State().sites.at(kCoast).progress, SiteProgress::kRejected);
  EXPECT_EQ(State().sites.at(kCoast).reason, "site coast is suspended");
  const std::string words = "site coast is suspended\n  Call the hub's administrator.";
  ExpectError(ErrorCode::kPermissionDenied, words, [&] { Store(SmallId("coast"), file, 100); });
  ExpectError(ErrorCode::kPermissionDenied, words, [&] { Offer(SmallId("coast"), file); });
  Update(kNorth, 0.5F, 10);
  Update(kValley, 0.5F, 20);  // the round does not wait for the one that is out
  EXPECT_EQ(State().round, RoundNumber(2));
  EXPECT_EQ(Moved(Model()), 0.5F);
}

TEST_F(CoordinatorTest, AnUpdateThatLiesThereUnjudgedWhenItsSiteIsShutOutIsRefused) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Update(kNorth, 0.5F, 10);
  const std::string file = FileFor(SmallId("coast"), 9, 30);
  Offer(SmallId("coast"), file);
  Sent();
  On([&] {
    EXPECT_TRUE(coordinator_->Store(kCoast, HeaderOf(SmallId("coast"), file), PartOf(file, 0)).complete());
    shut_.insert(kCoast);
  });
  EXPECT_THAT(Sent(), HasSubstr("coast refused: site coast is suspended"));
  EXPECT_EQ(audit_.Newest(1)[0].detail, "site coast is suspended");
  EXPECT_TRUE(State().history.empty());
}

TEST_F(CoordinatorTest, ARoundRepeatedForWantOfASiteThatIsShutOutIsNotOrderedFromIt) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Update(kNorth, 0.5F, 10);
  Sent();
  On([&] {
    shut_.insert(kCoast);
    coordinator_->SiteIsShut(kCoast);
  });
  EXPECT_EQ(State().attempt, 2);
  EXPECT_EQ(Sent(), "north train 1/2");
}

TEST_F(CoordinatorTest, AFullDiskDelaysTheModelAndNothingElse) {
  for (std::atomic<bool>* trouble : {&disk_.full, &disk_.no_memory}) {
    Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
    Update(kNorth, 0.5F, 10);
    disk_.refused = 0;
    *trouble = true;
    Update(kCoast, 0.25F, 30);
    WaitFor([&](const RunState&) { return disk_.refused >= 3; });
    EXPECT_EQ(State().phase, RunPhase::kAggregating);
    *trouble = false;
    WaitFor([](const RunState& state) { return state.round == RoundNumber(2); });
    EXPECT_EQ(Moved(Model()), 0.3125F);
    On([&] { coordinator_->Abort(RunId(), "the next one"); });
  }
}

TEST_F(CoordinatorTest, ADiskThatStaysFullEndsTheRunInWords) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  disk_.full = true;
  Update(kNorth, 0.5F, 10);
  Update(kCoast, 0.25F, 30);
  const RunState aborted = WaitFor([](const RunState& state) { return state.ended(); });
  EXPECT_EQ(aborted.phase, RunPhase::kAborted);
  EXPECT_THAT(aborted.reason, testing::AllOf(testing::StartsWith("round 1 cannot be averaged: "),
                                             HasSubstr("No space left on device")));
}

TEST_F(CoordinatorTest, AFullDatabaseDelaysVerdictsDeadlinesAndTheEnd) {
  RunPlan plan = SmallPlan();
  plan.round.deadline_s = 0.3;
  Start(plan, {{kNorth, 10}, {kCoast, 30}});
  Sent();
  FillDatabase("event");
  Update(kNorth, 0.5F, 10);
  std::this_thread::sleep_for(400ms);  // the deadline passes
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(State().attempt, 1);
  MakeRoom();
  WaitFor([](const RunState& state) { return state.attempt == 2; });
  EXPECT_EQ(runs_.Replay(RunId("tiny-1")), State());
}

TEST_F(CoordinatorTest, AnAbortThatCannotBeStoredIsStoredLater) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  Update(kNorth, 0.5F, 10);
  std::ofstream(models_.PathOf(State().model)) << "damaged";
  FillDatabase("abort_asked");
  Update(kCoast, 0.25F, 30);
  std::this_thread::sleep_for(20ms);  // some tries
  EXPECT_EQ(State().phase, RunPhase::kAggregating);
  MakeRoom();
  const RunState state = WaitFor([](const RunState& now) { return now.ended(); });
  EXPECT_EQ(state.phase, RunPhase::kAborted);
  EXPECT_THAT(state.reason, HasSubstr("is damaged: its digest is another"));
}

TEST_F(CoordinatorTest, ProgressIsShownWithinItsBoundsAndOnlyOfThisRun) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  const auto said = [&](const std::string& run, double fraction) {
    v1::Progress progress;
    progress.set_run(run);
    progress.set_round(1);
    progress.set_stage(v1::Progress::STAGE_TRAINING);
    progress.set_fraction(fraction);
    On([&] { coordinator_->Progressed(kNorth, progress); });
    return State().sites.at(kNorth).fraction;
  };
  EXPECT_EQ(said("tiny-1", 0.25), 0.25);
  EXPECT_EQ(State().sites.at(kNorth).progress, SiteProgress::kTraining);
  EXPECT_EQ(said("tiny-7", 0.5), 0.25);
  EXPECT_EQ(said("tiny-1", 7), 1);
  EXPECT_EQ(said("tiny-1", -7), 0);
  EXPECT_EQ(said("tiny-1", 0.5), 0.5);
  EXPECT_EQ(said("tiny-1", std::numeric_limits<double>::quiet_NaN()), 0);
  EXPECT_EQ(runs_.Events(RunId("tiny-1")).size(), 2U);  // the two sites: progress is for people, not for the database
}

TEST_F(CoordinatorTest, OnlyDeclaredPatientsCount) {
  Start(SmallPlan(), {{kNorth, 10}, {kCoast, 30}});
  On([&] { coordinator_->DataChanged(kNorth, 12); });
  On([&] { coordinator_->DataChanged(kNorth, 11); });  // it once had twelve: the update may come from then
  Sent();
  Update(kNorth, 0, 12);
  Update(kCoast, 0, 31);
  EXPECT_THAT(Sent(),
              testing::AllOf(testing::StartsWith("north accepted"),
                             HasSubstr("coast refused: it claims 31 training patients; the site has declared 30")));
}

}  // namespace
}  // namespace consilium
