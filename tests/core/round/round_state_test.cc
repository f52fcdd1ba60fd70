// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/round_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/base/random.h"
#include "core/round/run_journal.h"

namespace consilium {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const SiteId kNorth("north"), kCoast("coast"), kValley("valley");
const Digest kFirst = DigestOf("model 0"), kSecond = DigestOf("model 1"), kThird = DigestOf("model 2");

RunPlan Plan() {
  RunPlan plan;
  plan.name = "test";
  plan.rounds = 2;
  plan.eligibility = {2, 5};
  plan.round = {2, 600};
  return plan;
}

// A run under test: feeds events, remembers them, and shows the actions of the last one as short words.
class TestRun {
 public:
  explicit TestRun(const RunPlan& plan = Plan()) : first_(StartRun(plan, RunId("r"), kFirst)), state_(first_) {}

  std::vector<std::string> operator()(const RunEvent& event) {
    events_.push_back(event);
    Transition next = Advance(state_, event);
    state_ = std::move(next.state);
    std::vector<std::string> words;
    for (const auto& action : next.actions) words.push_back(Words(action));
    return words;
  }
  std::vector<std::string> Connect(const SiteId& site, std::int64_t patients = 10) {
    return (*this)(SiteConnected{site, patients});
  }
  std::vector<std::string> Accept(const SiteId& site, TrainMetrics metrics = {0.5, 50, 10, {1.2, 2}, 9}) {
    return (*this)(Judged(site, true, metrics));
  }
  std::vector<std::string> Reject(const SiteId& site) { return (*this)(Judged(site, false, {})); }
  std::vector<std::string> MakeModel(const Digest& model) { return (*this)(ModelMade{state_.round, model, 7}); }
  UpdateJudged Judged(const SiteId& site, bool accepted, TrainMetrics metrics) const {
    return {{{RunId("r"), state_.round, site, state_.attempt}, DigestOf("update of " + site.text()), metrics},
            accepted,
            accepted ? "" : "a NaN"};
  }
  const RunState& state() const { return state_; }
  const SiteInRun& site(const SiteId& id) const { return state_.sites.at(id); }

  ~TestRun() { EXPECT_EQ(Replay(), state_) << "replaying the journal gave another state"; }

 private:
  static std::string Words(const RunAction& action) {
    if (const auto* a = std::get_if<OrderTraining>(&action)) {
      return "order " + a->site.text() + " " + std::to_string(a->round.value()) + "." + std::to_string(a->attempt);
    }
    if (const auto* a = std::get_if<SetDeadline>(&action)) {
      return "deadline " + std::to_string(a->round.value()) + "." + std::to_string(a->attempt);
    }
    if (const auto* a = std::get_if<Aggregate>(&action)) {
      std::string words = "aggregate";
      for (const auto& update : a->updates) words += " " + update.id.site.text();
      return words;
    }
    if (const auto* a = std::get_if<OrderEvaluation>(&action)) return "evaluate " + a->site.text();
    if (const auto* a = std::get_if<CancelTraining>(&action)) return "cancel " + a->site.text();
    return "ended";
  }
  RunState Replay() const {
    RunState state = first_;
    for (const auto& event : events_) state = Advance(std::move(state), RunEventFromJson(ToJson(event))).state;
    return state;
  }

  RunState first_, state_;
  std::vector<RunEvent> events_;
};

// North and coast are in round 1.
void BothInRoundOne(TestRun& run) {
  run.Connect(kNorth);
  run.Connect(kCoast);
  ASSERT_EQ(run.state().phase, RunPhase::kTraining);
}

TEST(RoundStateTest, AWholeRun) {
  TestRun run;
  EXPECT_THAT(run.Connect(kNorth), IsEmpty());
  EXPECT_EQ(run.state().phase, RunPhase::kWaiting);
  EXPECT_THAT(run.Connect(kCoast), ElementsAre("order coast 1.1", "order north 1.1", "deadline 1.1"));
  EXPECT_THAT(run(SiteReported{kNorth, RoundNumber(1), SiteProgress::kTraining, 0.4}), IsEmpty());
  EXPECT_EQ(run.site(kNorth).fraction, 0.4);
  EXPECT_THAT(run.Accept(kNorth, {0.4, 50, 30, {0.5, 2}, 9}), IsEmpty());
  EXPECT_THAT(run.Accept(kCoast, {0.8, 50, 10, {0.6, 1}, 9}), ElementsAre("aggregate coast north"));
  EXPECT_EQ(run.state().phase, RunPhase::kAggregating);
  EXPECT_THAT(run.MakeModel(kSecond), ElementsAre("order coast 2.1", "order north 2.1", "deadline 2.1"));
  ASSERT_EQ(run.state().history.size(), 1u);
  EXPECT_DOUBLE_EQ(run.state().history[0].dice, 1.1 / 3);  // pooled over patients
  EXPECT_DOUBLE_EQ(run.state().history[0].loss, 0.5);      // (30 * 0.4 + 10 * 0.8) / 40
  EXPECT_EQ(run.state().history[0].seconds, 7);
  EXPECT_EQ(run.state().model, kSecond);
  EXPECT_FALSE(run.site(kNorth).metrics);
  run.Accept(kCoast);
  run.Accept(kNorth);
  EXPECT_THAT(run.MakeModel(kThird), ElementsAre("evaluate coast", "evaluate north", "deadline 2.0"));
  EXPECT_EQ(run.state().phase, RunPhase::kFinishing);
  EXPECT_THAT(run(FinalEvaluated{kNorth, kThird, {1.6, 2}}), IsEmpty());
  EXPECT_THAT(run(FinalEvaluated{kCoast, kThird, {0.5, 1}}), ElementsAre("ended"));
  EXPECT_EQ(run.state().phase, RunPhase::kDone);
  EXPECT_DOUBLE_EQ(run.state().final_dice, 0.7);
  EXPECT_EQ(run.state().final_cases, 3);
}

TEST(RoundStateTest, TooFewPatientsIsNotEligible) {
  TestRun run;
  run.Connect(kNorth);
  EXPECT_THAT(run.Connect(kValley, 4), IsEmpty());
  EXPECT_EQ(MissingSites(run.state()),
            "the plan needs 2 connected sites with at least 5 training patients; 1 is there (north 10; valley has 4)");
  EXPECT_THAT(run.Connect(kValley, 5), ElementsAre("order north 1.1", "order valley 1.1", "deadline 1.1"));
  EXPECT_EQ(MissingSites(run.state()), "");
}

TEST(RoundStateTest, AWaitingRunStartsAfterTheLastOfSeveralSites) {
  TestRun run;
  run(SiteConnected{kNorth, 10, true});
  EXPECT_THAT(run(SiteConnected{kCoast, 10, true}), IsEmpty());
  EXPECT_THAT(run(SiteConnected{kValley, 10, false}),
              ElementsAre("order coast 1.1", "order north 1.1", "order valley 1.1", "deadline 1.1"));
}

TEST(RoundStateTest, MissingSitesWithNobodyThere) {
  TestRun run;
  EXPECT_EQ(MissingSites(run.state()),
            "the plan needs 2 connected sites with at least 5 training patients; 0 are there");
  run.Connect(kValley, 1);
  EXPECT_THAT(MissingSites(run.state()), testing::EndsWith("0 are there (valley has 1)"));
}

TEST(RoundStateTest, ASiteThatLeftBeforeTheStartIsNotCounted) {
  TestRun run;
  run.Connect(kNorth);
  run(SiteDisconnected{kNorth});
  EXPECT_THAT(run.Connect(kCoast), IsEmpty());
  EXPECT_EQ(run.state().phase, RunPhase::kWaiting);
}

TEST(RoundStateTest, ALatecomerTakesPartFromTheNextRound) {
  TestRun run;
  BothInRoundOne(run);
  EXPECT_THAT(run.Connect(kValley), IsEmpty());
  run.Accept(kNorth);
  EXPECT_THAT(run.Accept(kCoast), ElementsAre("aggregate coast north"));
  EXPECT_THAT(run.MakeModel(kSecond),
              ElementsAre("order coast 2.1", "order north 2.1", "order valley 2.1", "deadline 2.1"));
}

TEST(RoundStateTest, ALatecomerIsOrderedAtOnceWhenTheQuorumNeedsIt) {
  TestRun run;
  BothInRoundOne(run);
  run.Connect(kValley);
  EXPECT_THAT(run(SiteDisconnected{kCoast}), ElementsAre("order valley 1.1"));
  run.Accept(kNorth);
  EXPECT_THAT(run.Accept(kValley), ElementsAre("aggregate north valley"));
}

TEST(RoundStateTest, ALostSiteDoesNotHangTheRound) {
  RunPlan plan = Plan();
  plan.eligibility.min_sites = 3;
  TestRun run(plan);
  run.Connect(kNorth);
  run.Connect(kCoast);
  run.Connect(kValley);
  run.Accept(kNorth);
  run.Accept(kCoast);
  EXPECT_THAT(run(SiteDisconnected{kValley}), ElementsAre("aggregate coast north"));
  EXPECT_EQ(run.site(kValley).progress, SiteProgress::kLost);
  EXPECT_THAT(run.MakeModel(kSecond), ElementsAre("order coast 2.1", "order north 2.1", "deadline 2.1"));
}

TEST(RoundStateTest, WithoutQuorumTheRoundWaitsForTheLostSiteToComeBack) {
  TestRun run;
  BothInRoundOne(run);
  run.Accept(kNorth);
  EXPECT_THAT(run(SiteDisconnected{kCoast}), IsEmpty());
  EXPECT_EQ(run.state().phase, RunPhase::kTraining);
  EXPECT_THAT(run.Connect(kCoast), ElementsAre("order coast 1.1"));
  EXPECT_THAT(run.Accept(kCoast), ElementsAre("aggregate coast north"));
}

TEST(RoundStateTest, ASiteThatDeliveredAndLeftStillCounts) {
  TestRun run;
  BothInRoundOne(run);
  run.Accept(kNorth);
  EXPECT_THAT(run(SiteDisconnected{kNorth}), IsEmpty());
  EXPECT_THAT(run.Connect(kNorth), IsEmpty());  // it has nothing left to do
  EXPECT_THAT(run.Accept(kCoast), ElementsAre("aggregate coast north"));
}

TEST(RoundStateTest, AnUpdateThatCameBeforeTheSiteWasLostIsAccepted) {
  TestRun run;
  BothInRoundOne(run);
  run(SiteDisconnected{kNorth});
  EXPECT_THAT(run.Accept(kNorth), IsEmpty());
  EXPECT_EQ(run.site(kNorth).progress, SiteProgress::kAccepted);
  EXPECT_THAT(run.Accept(kCoast), ElementsAre("aggregate coast north"));
}

TEST(RoundStateTest, TheDeadlineClosesTheRoundWithWhatItHas) {
  RunPlan plan = Plan();
  plan.eligibility.min_sites = 3;
  TestRun run(plan);
  run.Connect(kNorth);
  run.Connect(kCoast);
  run.Connect(kValley);
  run.Accept(kValley);
  run.Accept(kCoast);
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(1), 1}), ElementsAre("cancel north", "aggregate coast valley"));
  EXPECT_THAT(run.Accept(kNorth), IsEmpty());  // too late: the set is frozen
  EXPECT_EQ(run.state().accepted.size(), 2u);
}

TEST(RoundStateTest, WithoutQuorumTheRoundIsRepeatedOnceThenTheRunFails) {
  TestRun run;
  BothInRoundOne(run);
  const UpdateJudged late = run.Judged(kCoast, true, {});
  run.Accept(kNorth);
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(1), 1}),
              ElementsAre("order coast 1.2", "order north 1.2", "deadline 1.2"));
  EXPECT_TRUE(run.state().accepted.empty());
  EXPECT_THAT(run(late), IsEmpty());  // a verdict of attempt 1 in attempt 2
  EXPECT_TRUE(run.state().accepted.empty());
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(1), 1}), IsEmpty());  // the old deadline again
  run.Accept(kNorth);
  run(SiteDisconnected{kCoast});
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(1), 2}), ElementsAre("ended"));
  EXPECT_EQ(run.state().phase, RunPhase::kFailed);
  EXPECT_EQ(run.state().reason,
            "round 1 was tried twice and got 1 of the 2 updates that it needs (coast: not connected). Bring the sites "
            "back, raise `round.deadline_s` or lower `round.quorum`, and start again from the last model.");
}

TEST(RoundStateTest, WorkersAreToldWhenTheRunFails) {
  TestRun run;
  BothInRoundOne(run);
  run(DeadlinePassed{RoundNumber(1), 1});
  run(SiteReported{kNorth, RoundNumber(1), SiteProgress::kTraining, 0.5});
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(1), 2}), ElementsAre("cancel coast", "cancel north", "ended"));
  EXPECT_THAT(run.state().reason,
              testing::HasSubstr("got 0 of the 2 updates that it needs (coast: ordered; north: training)"));
}

TEST(RoundStateTest, TheSecondAttemptCanSucceed) {
  TestRun run;
  BothInRoundOne(run);
  run(DeadlinePassed{RoundNumber(1), 1});
  run.Accept(kNorth);
  EXPECT_THAT(run.Accept(kCoast), ElementsAre("aggregate coast north"));
  run.MakeModel(kSecond);
  EXPECT_EQ(run.state().attempt, 1);  // of round 2
}

TEST(RoundStateTest, RefusedUpdatesDoNotWaitForTheDeadline) {
  TestRun run;
  BothInRoundOne(run);
  run.Accept(kNorth);
  EXPECT_THAT(run.Reject(kCoast), ElementsAre("order coast 1.2", "order north 1.2", "deadline 1.2"));
  run.Accept(kNorth);
  EXPECT_THAT(run.Reject(kCoast), ElementsAre("ended"));
  EXPECT_THAT(run.state().reason, testing::HasSubstr("(coast: a NaN)"));
}

TEST(RoundStateTest, ARejectedSiteGetsNoSecondOrderInTheSameAttempt) {
  RunPlan plan = Plan();
  plan.eligibility.min_sites = 3;
  TestRun run(plan);
  run.Connect(kNorth);
  run.Connect(kCoast);
  run.Connect(kValley);
  run.Reject(kNorth);
  EXPECT_EQ(run.site(kNorth).reason, "a NaN");
  run(SiteDisconnected{kNorth});
  EXPECT_THAT(run.Connect(kNorth), IsEmpty());
  run.Accept(kCoast);
  EXPECT_THAT(run.Accept(kValley), ElementsAre("aggregate coast valley"));
}

TEST(RoundStateTest, ASiteMayRefuseAnOrder) {
  RunPlan plan = Plan();
  plan.eligibility.min_sites = 3;
  TestRun run(plan);
  run.Connect(kNorth);
  run.Connect(kCoast);
  run.Connect(kValley);
  EXPECT_THAT(run(SiteRefused{kValley, RoundNumber(1), "no room on the disk"}), IsEmpty());
  EXPECT_EQ(run.site(kValley).reason, "no room on the disk");
  EXPECT_THAT(run(SiteRefused{kNorth, RoundNumber(9), "other round"}), IsEmpty());
  EXPECT_EQ(run.site(kNorth).progress, SiteProgress::kOrdered);
  run.Accept(kNorth);
  EXPECT_THAT(run.Accept(kCoast), ElementsAre("aggregate coast north"));
}

// The site said it before it heard of attempt 2, in which it works.
TEST(RoundStateTest, ALateRefusalOfTheFirstAttemptDoesNotTouchTheSecond) {
  TestRun run;
  BothInRoundOne(run);
  run(DeadlinePassed{RoundNumber(1), 1});
  ASSERT_EQ(run.state().attempt, 2);
  const RunState before = run.state();
  EXPECT_THAT(run(SiteRefused{kNorth, RoundNumber(1), "too late", 1}), IsEmpty());
  EXPECT_THAT(run(SiteReported{kNorth, RoundNumber(1), SiteProgress::kUploading, 0.5, 1}), IsEmpty());
  EXPECT_THAT(run(SiteRefused{kNorth, RoundNumber(1), "an evaluation's", 0}), IsEmpty());
  EXPECT_EQ(run.state(), before);
  run(SiteReported{kNorth, RoundNumber(1), SiteProgress::kUploading, 0.5, 2});
  EXPECT_EQ(run.site(kNorth).progress, SiteProgress::kUploading);
  run.Accept(kNorth);
  EXPECT_THAT(run.Accept(kCoast), ElementsAre("aggregate coast north"));
}

TEST(RoundStateTest, ARefusalOfTheCurrentAttemptSettlesTheSite) {
  TestRun run;
  BothInRoundOne(run);
  run(DeadlinePassed{RoundNumber(1), 1});
  EXPECT_THAT(run(SiteRefused{kNorth, RoundNumber(1), "no room", 2}), IsEmpty());
  EXPECT_EQ(run.site(kNorth).progress, SiteProgress::kRejected);
  EXPECT_THAT(run(SiteRefused{kCoast, RoundNumber(1), "no room"}), ElementsAre("ended"));  // it does not say which
}

TEST(RoundStateTest, ARefusalAfterTheFreezeDoesNotFreezeTheRoundAgain) {
  RunPlan plan = Plan();
  plan.eligibility.min_sites = 3;
  TestRun run(plan);
  run.Connect(kNorth);
  run.Connect(kCoast);
  run.Connect(kValley);
  run.Accept(kNorth);
  run.Accept(kCoast);
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(1), 1}), ElementsAre("cancel valley", "aggregate coast north"));
  const RunState before = run.state();
  EXPECT_THAT(run(SiteRefused{kValley, RoundNumber(1), "too late", 1}), IsEmpty());
  EXPECT_EQ(run.state(), before);
}

TEST(RoundStateTest, DuplicatesAndStrangersChangeNothing) {
  TestRun run;
  BothInRoundOne(run);
  const UpdateJudged verdict = run.Judged(kNorth, true, {0.5, 1, 1, {}, 1});
  run(verdict);
  const RunState before = run.state();
  EXPECT_THAT(run(verdict), IsEmpty());
  UpdateJudged other = verdict;
  other.accepted = false;
  EXPECT_THAT(run(other), IsEmpty());
  other = run.Judged(kCoast, true, {});
  other.update.id.run = RunId("another");
  EXPECT_THAT(run(other), IsEmpty());
  other.update.id.run = RunId("r");
  other.update.id.round = RoundNumber(2);
  EXPECT_THAT(run(other), IsEmpty());
  EXPECT_THAT(run(run.Judged(SiteId("stranger"), true, {})), IsEmpty());
  EXPECT_THAT(run(SiteReported{SiteId("stranger"), RoundNumber(1), SiteProgress::kTraining, 1}), IsEmpty());
  EXPECT_THAT(run(SiteReported{kCoast, RoundNumber(2), SiteProgress::kTraining, 1}), IsEmpty());
  EXPECT_THAT(run(SiteReported{kCoast, RoundNumber(1), SiteProgress::kAccepted, 1}), IsEmpty());
  EXPECT_THAT(run(SiteReported{kNorth, RoundNumber(1), SiteProgress::kTraining, 0.1}), IsEmpty());
  EXPECT_THAT(run(SiteDisconnected{SiteId("stranger")}), IsEmpty());
  EXPECT_THAT(run(ModelMade{RoundNumber(1), kSecond, 1}), IsEmpty());
  EXPECT_THAT(run(FinalEvaluated{kNorth, kFirst, {1, 1}}), IsEmpty());
  EXPECT_EQ(run.state(), before);
}

TEST(RoundStateTest, ReachingTheTargetDiceEndsTheRunEarly) {
  RunPlan plan = Plan();
  plan.rounds = 50;
  plan.target_dice = 0.7;
  TestRun run(plan);
  BothInRoundOne(run);
  run.Accept(kNorth, {0.5, 50, 10, {1.3, 2}, 9});
  run.Accept(kCoast, {0.5, 50, 10, {0.7, 1}, 9});
  EXPECT_THAT(run.MakeModel(kSecond), ElementsAre("order coast 2.1", "order north 2.1", "deadline 2.1"));  // 0.667
  run.Accept(kNorth, {0.5, 50, 10, {1.4, 2}, 9});
  run.Accept(kCoast, {0.5, 50, 10, {0.72, 1}, 9});  // 0.707
  EXPECT_THAT(run.MakeModel(kThird), ElementsAre("evaluate coast", "evaluate north", "deadline 2.0"));
}

// Dice 0.5, 0.6, 0.6, 0.55: with a patience of two rounds the run ends after the fourth.
TEST(RoundStateTest, ARunThatNoLongerGetsBetterEnds) {
  RunPlan plan = Plan();
  plan.rounds = 50;
  plan.patience = 2;
  TestRun run(plan);
  BothInRoundOne(run);
  const Digest models[] = {kSecond, kThird, kSecond, kThird};
  const double dice[] = {0.5, 0.6, 0.6, 0.55};
  for (std::size_t round = 0; round < 4; ++round) {
    ASSERT_EQ(run.state().phase, RunPhase::kTraining) << round;
    run.Accept(kNorth, {0.5, 50, 10, {dice[round], 1}, 9});
    run.Accept(kCoast, {0.5, 50, 10, {dice[round], 1}, 9});
    run.MakeModel(models[round]);
  }
  EXPECT_EQ(run.state().phase, RunPhase::kFinishing);
  EXPECT_EQ(run.state().history.size(), 4U);
}

// Both are in the evaluation of the last model.
void BothInEvaluation(TestRun& run) {
  BothInRoundOne(run);
  for (const Digest& model : {kSecond, kThird}) {
    run.Accept(kNorth);
    run.Accept(kCoast);
    run.MakeModel(model);
  }
  ASSERT_EQ(run.state().phase, RunPhase::kFinishing);
}

TEST(RoundStateTest, TheEvaluationOfAnotherModelDoesNotCount) {
  TestRun run;
  BothInEvaluation(run);
  EXPECT_THAT(run(FinalEvaluated{kNorth, kSecond, {2, 2}}), IsEmpty());
  EXPECT_FALSE(run.site(kNorth).final_dice);
  run(FinalEvaluated{kNorth, kThird, {1, 2}});
  EXPECT_THAT(run(FinalEvaluated{kNorth, kThird, {2, 2}}), IsEmpty());  // the first answer stays
  EXPECT_THAT(run(FinalEvaluated{kCoast, kThird, {1, 2}}), ElementsAre("ended"));
  EXPECT_DOUBLE_EQ(run.state().final_dice, 0.5);
}

TEST(RoundStateTest, ASiteLostInTheEvaluationDoesNotHangTheRun) {
  TestRun run;
  BothInEvaluation(run);
  run(FinalEvaluated{kNorth, kThird, {1, 2}});
  EXPECT_THAT(run(SiteDisconnected{kCoast}), ElementsAre("ended"));
  EXPECT_EQ(run.state().final_cases, 2);
}

TEST(RoundStateTest, AllLostInTheEvaluationMayComeBackUntilTheDeadline) {
  TestRun run;
  BothInEvaluation(run);
  run(SiteDisconnected{kNorth});
  EXPECT_THAT(run(SiteDisconnected{kCoast}), IsEmpty());
  EXPECT_THAT(run.Connect(kNorth), ElementsAre("evaluate north"));
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(2), 1}), IsEmpty());
  EXPECT_THAT(run(DeadlinePassed{RoundNumber(2), 0}), ElementsAre("ended"));
  EXPECT_EQ(run.state().phase, RunPhase::kDone);
  EXPECT_EQ(run.state().final_cases, 0);
}

TEST(RoundStateTest, WhenAllRefuseToEvaluateTheRunEnds) {
  TestRun run;
  BothInEvaluation(run);
  run(SiteRefused{kNorth, RoundNumber(2), "no validation patients"});
  EXPECT_THAT(run(SiteRefused{kCoast, RoundNumber(2), "no validation patients"}), ElementsAre("ended"));
}

TEST(RoundStateTest, WhenNobodyIsThereForTheEvaluationTheFirstToComeIsAsked) {
  TestRun run;
  BothInRoundOne(run);
  for (const Digest& model : {kSecond, kThird}) {
    run.Accept(kNorth);
    run.Accept(kCoast);
    if (model == kThird) {
      run(SiteDisconnected{kNorth});
      run(SiteDisconnected{kCoast});
    }
    run.MakeModel(model);
  }
  EXPECT_THAT(run.Connect(kValley), ElementsAre("evaluate valley"));
  EXPECT_THAT(run(FinalEvaluated{kValley, kThird, {0.5, 1}}), ElementsAre("ended"));
}

TEST(RoundStateTest, AbortCancelsWhoWorks) {
  TestRun run;
  BothInRoundOne(run);
  run.Accept(kNorth);
  EXPECT_THAT(run(AbortAsked{"wrong plan"}), ElementsAre("cancel coast", "ended"));
  EXPECT_EQ(run.state().phase, RunPhase::kAborted);
  EXPECT_EQ(run.state().reason, "wrong plan");
  EXPECT_THAT(run.Connect(kValley), IsEmpty());  // after the end nothing happens
  EXPECT_THAT(run(AbortAsked{"again"}), IsEmpty());
  EXPECT_EQ(run.state().reason, "wrong plan");
}

TEST(RoundStateTest, AbortInEveryOpenPhaseEndsTheRun) {
  TestRun waiting;
  EXPECT_THAT(waiting(AbortAsked{"x"}), ElementsAre("ended"));
  TestRun aggregating;
  BothInRoundOne(aggregating);
  aggregating.Accept(kNorth);
  aggregating.Accept(kCoast);
  EXPECT_THAT(aggregating(AbortAsked{"x"}), ElementsAre("ended"));
  EXPECT_THAT(aggregating.MakeModel(kSecond), IsEmpty());
  TestRun finishing;
  BothInEvaluation(finishing);
  EXPECT_THAT(finishing(AbortAsked{"x"}), ElementsAre("ended"));
}

TEST(RoundStateTest, ARestartOfTheHubAsksAgainForWhatWasUnderWay) {
  TestRun run;
  EXPECT_THAT(run(HubRestarted{}), IsEmpty());
  BothInRoundOne(run);
  run.Accept(kNorth);
  EXPECT_THAT(run(HubRestarted{}), ElementsAre("deadline 1.1"));
  EXPECT_EQ(run.state().phase, RunPhase::kTraining);  // nobody is connected, but nobody is given up
  EXPECT_THAT(run.Connect(kNorth), IsEmpty());
  EXPECT_THAT(run.Connect(kCoast), ElementsAre("order coast 1.1"));
  run.Accept(kCoast);
  EXPECT_THAT(run(HubRestarted{}), ElementsAre("aggregate coast north"));
  EXPECT_THAT(run.MakeModel(kSecond), ElementsAre("deadline 2.1"));
  EXPECT_THAT(run.Connect(kNorth), ElementsAre("order north 2.1"));  // the quorum needs both
  EXPECT_THAT(run.Connect(kCoast), ElementsAre("order coast 2.1"));
  run.Accept(kNorth);
  run.Accept(kCoast);
  run.MakeModel(kThird);
  EXPECT_THAT(run(HubRestarted{}), ElementsAre("deadline 2.0"));
  EXPECT_THAT(run.Connect(kNorth), ElementsAre("evaluate north"));
}

// Random streams of events: whatever comes, the invariants hold and the journal gives the same state (~Run).
TEST(RoundStateTest, InvariantsHoldForAnyOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    RunPlan plan = Plan();
    plan.rounds = 3;
    TestRun run(plan);
    const std::vector<SiteId> sites{kNorth, kCoast, kValley};
    for (int i = 0; i < 120; ++i) {
      const SiteId site = sites[static_cast<std::size_t>(random.Integer(0, 2))];
      const RoundNumber round(run.state().round.value() + (random.Integer(0, 9) == 0 ? 1 : 0));
      const std::int64_t attempt = run.state().attempt + (random.Integer(0, 3) == 0 ? 1 : 0);
      const RunState before = run.state();
      std::vector<std::string> actions;
      switch (random.Integer(0, 12)) {
        case 0:
        case 1: run.Connect(site, random.Integer(3, 20)); break;
        case 2: run(SiteDisconnected{site}); break;
        case 3: run(SiteReported{site, round, SiteProgress::kTraining, random.Uniform(), attempt}); break;
        case 4:
          if (random.Integer(0, 3) == 0) run(DeadlinePassed{round, random.Integer(0, 2)});
          break;
        case 5: run(ModelMade{round, DigestOf(std::to_string(i)), 1}); break;
        case 6: run(FinalEvaluated{site, run.state().model, {0.5, 1}}); break;
        case 7:
          if (random.Integer(0, 4) == 0) run(HubRestarted{});
          break;
        case 8:
          if (random.Integer(0, 9) == 0) run.Reject(site);
          break;
        case 9:
          if (random.Integer(0, 5) > 0) break;
          actions = run(SiteRefused{site, round, "no room", attempt});
          if (before.phase == RunPhase::kAggregating || attempt != before.attempt || round != before.round) {
            EXPECT_THAT(actions, IsEmpty());
            EXPECT_EQ(run.state(), before);
          }
          break;
        default: run.Accept(site); break;
      }
      const RunState& state = run.state();
      std::set<SiteId> distinct;
      for (const auto& update : state.accepted) {
        EXPECT_TRUE(distinct.insert(update.id.site).second) << "two updates of one site";
        EXPECT_EQ(update.id.round, state.round);
        EXPECT_TRUE(state.ordered.contains(update.id.site));
      }
      EXPECT_EQ(state.history.size() + (state.phase == RunPhase::kTraining || state.phase == RunPhase::kAggregating ||
                                        state.phase == RunPhase::kFailed),
                static_cast<std::size_t>(state.round.value()));
      EXPECT_TRUE(state.phase != RunPhase::kAggregating || state.accepted.size() >= 2);
      for (const auto& record : state.history) EXPECT_GE(record.accepted.size(), 2u);
    }
  }
}

}  // namespace
}  // namespace consilium
