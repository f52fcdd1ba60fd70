// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/round/local_round.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/model/network_spec.h"
#include "imaging/findings/find_lesions.h"
#include "learning/evaluate.h"
#include "tests/site-node/error_of.h"
#include "tests/site-node/small_samples.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

GlobalModel First(const RunPlan& plan, std::uint64_t seed = 5) {
  ModelCard card;
  card.network = plan.network;
  card.prep = plan.prep;
  return ParseModel(SerializeModel(card, InitialParameters(plan.network, seed)), "first");
}

class LocalRoundTest : public testing::Test {
 protected:
  ModelUpdate Run(LocalRound& round, std::int64_t number, std::int64_t attempt = 1, const std::string& site = "north") {
    return round.Run(Task(number, attempt, site), {});
  }
  LocalTask Task(std::int64_t number, std::int64_t attempt = 1, const std::string& site = "north") {
    return {
        {RunId("run-1"), RoundNumber(number), SiteId(site), attempt}, plan_, model_, training_, patients_, validation_};
  }

  RunPlan plan_ = SmallPlan();
  GlobalModel model_ = First(plan_);
  std::vector<Sample> training_{SmallSample("case-a", 1), SmallSample("case-b", 2), SmallSample("case-c", 3)};
  std::int64_t patients_ = 2;  // one of them has two studies
  std::vector<Sample> validation_{SmallSample("case-d", 4)};
  TemporaryFolder folder_;
  LocalRound round_{folder_ / "momentum", Device(), 1};
};

TEST_F(LocalRoundTest, GivesTheDifferenceWithWhatStandsBehindIt) {
  const ModelUpdate update = Run(round_, 1);
  EXPECT_EQ(update.base, model_.digest);
  EXPECT_EQ(update.metrics.samples, 2) << "patients weigh, not their studies";
  EXPECT_EQ(update.metrics.steps, 3);
  EXPECT_EQ(update.metrics.validation.cases, 1);
  EXPECT_NO_THROW(RequireSameLayout(update.delta, model_.parameters, "update"));
  EXPECT_GT(update.delta.Norm(), 0);
  EXPECT_TRUE(update.delta.AllFinite());
}

// What the hub decides by: the same cases, once whole and once their largest part.
TEST_F(LocalRoundTest, MeasuresTheLargestPartWhereThePlanAsksForIt) {
  EXPECT_EQ(Run(round_, 1).metrics.largest, DiceSummary{});
  plan_.predict.components = "validation";
  model_ = First(plan_, 31);  // this start makes several parts
  const TrainMetrics metrics = Run(round_, 1).metrics;
  EXPECT_EQ(metrics.largest.cases, metrics.validation.cases);
  Predictor predictor(plan_.network, plan_.prep, model_.parameters, {Device(), 1, plan_.train.precision});
  ProbabilityMap map = predictor.Predict(validation_[0], {.patch = plan_.train.patch});
  EXPECT_EQ(metrics.validation.sum, DiceOf(map, validation_[0]));
  KeepLargest(map);
  EXPECT_EQ(metrics.largest.sum, DiceOf(map, validation_[0]));
  EXPECT_NE(metrics.largest.sum, metrics.validation.sum) << "the case shows nothing";
}

TEST_F(LocalRoundTest, TheSameOrderGivesTheSameNumbers) {
  LocalRound other(folder_ / "other", Device(), 1);
  EXPECT_EQ(Run(round_, 1).delta, Run(other, 1).delta);
}

TEST_F(LocalRoundTest, SitesDrawDifferently) {
  LocalRound other(folder_ / "other", Device(), 1);
  EXPECT_NE(Run(round_, 1).delta, Run(other, 1, 1, "coast").delta);
}

TEST_F(LocalRoundTest, SaysWhatItTrainedWith) {
  EXPECT_THAT(Run(round_, 1).metrics.with, (TrainedWith{"float32", "cpu", 1}));
}

TEST_F(LocalRoundTest, MomentumIsKeptFromRoundToRoundAndOverARestart) {
  Run(round_, 1);
  const ModelUpdate second = Run(round_, 2);

  LocalRound restarted(folder_ / "restarted", Device(), 1);
  Run(restarted, 1);
  LocalRound again(folder_ / "restarted", Device(), 1);
  EXPECT_EQ(Run(again, 2).delta, second.delta);

  LocalRound without(folder_ / "without", Device(), 1);
  EXPECT_NE(Run(without, 2).delta, second.delta) << "momentum made no difference";
}

TEST_F(LocalRoundTest, ARepeatedRoundStartsWhereItsFirstTryDid) {
  Run(round_, 1);
  const ModelUpdate first = Run(round_, 2, 1);
  EXPECT_EQ(Run(round_, 2, 2).delta, first.delta);
}

TEST_F(LocalRoundTest, AnotherRunStartsWithoutMomentum) {
  const ModelUpdate fresh = Run(round_, 1);
  Run(round_, 2);
  LocalTask other = Task(1);
  other.id.run = RunId("run-2");
  EXPECT_EQ(round_.Run(other, {}).delta, fresh.delta);
}

TEST_F(LocalRoundTest, TellsHowFarItIs) {
  std::vector<LocalStage> stages;
  double last = 0;
  round_.Run(Task(1), {}, [&](LocalStage stage, double fraction) {
    stages.push_back(stage);
    last = fraction;
  });
  EXPECT_EQ(stages.front(), LocalStage::kEvaluating);
  EXPECT_EQ(stages.back(), LocalStage::kTraining);
  EXPECT_DOUBLE_EQ(last, 1);
}

TEST_F(LocalRoundTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(ErrorOf([&] { round_.Run(Task(1), stop.get_token()); }).code(), ErrorCode::kCancelled);
}

TEST_F(LocalRoundTest, AModelForOtherwisePreparedDataIsRefused) {
  plan_.prep.spacing_mm = 2;
  const Error error = ErrorOf([&] { Run(round_, 1); });
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.what(), HasSubstr("prepared by plan " + model_.card.prep.digest().Short()));
  EXPECT_THAT(error.what(), HasSubstr(plan_.prep.digest().Short()));
}

TEST_F(LocalRoundTest, AModelOfAnotherLabelIsRefused) {
  plan_.labels = {"SCT 10200004 Liver"};
  const Error error = ErrorOf([&] { Run(round_, 1); });
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_STREQ(error.what(), "the model finds SCT 108369006 \"Neoplasm\", the run asks for SCT 10200004 \"Liver\"");
}

TEST_F(LocalRoundTest, AModelOfAnotherNetworkIsRefused) {
  plan_.network.features = {2, 6};
  EXPECT_THAT(ErrorOf([&] { Run(round_, 1); }).what(), HasSubstr("another network"));
}

TEST_F(LocalRoundTest, WithoutPatientsThereIsNothingToLearn) {
  training_.clear();
  const Error error = ErrorOf([&] { Run(round_, 1); });
  EXPECT_THAT(error.what(), HasSubstr("no training patients"));
  EXPECT_THAT(error.next_step(), HasSubstr("consilium-site import"));
}

}  // namespace
}  // namespace consilium
