// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// What stays in a hospital: arrays that the plan keeps local, and the model it tunes for itself.
#include "site-node/round/own_arrays.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file_store.h"
#include "core/model/safetensors.h"
#include "core/round/plan_card.h"
#include "learning/evaluate.h"
#include "site-node/round/local_round.h"
#include "site-node/round/personal.h"
#include "tests/site-node/error_of.h"
#include "tests/site-node/small_samples.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

bool IsNorm(const std::string& name) { return name.find(".norm.") != std::string::npos; }

class OwnArraysTest : public testing::Test {
 protected:
  OwnArraysTest() {
    plan_.aggregation.keep_local = "norm";
    plan_.train.learning_rate = 0.05;
    model_ = Global(InitialParameters(plan_.network, 5));
  }
  GlobalModel Global(const Parameters& parameters) const {
    ModelCard card = CardOf(plan_);
    card.run = RunId("run-1");
    return ParseModel(SerializeModel(card, parameters), "global");
  }
  ModelUpdate Run(LocalRound& round, std::int64_t number) {
    return round.Run({{RunId("run-1"), RoundNumber(number), SiteId("north"), 1}, plan_, model_, training_, 2, {}}, {});
  }

  RunPlan plan_ = SmallPlan();
  GlobalModel model_;
  std::vector<Sample> training_{SmallSample("case-a", 1), SmallSample("case-b", 2)};
  TemporaryFolder folder_;
  LocalRound round_{folder_ / "site", Device(), 1};
};

TEST_F(OwnArraysTest, TheNormLayersStayAndTheRestIsSent) {
  const ModelUpdate update = Run(round_, 1);
  const Parameters own = round_.own().In(model_);
  std::size_t norms = 0;
  for (std::size_t a = 0; a < own.arrays.size(); ++a) {
    const NamedArray& sent = update.delta.arrays[a];
    if (IsNorm(sent.name)) {
      ++norms;
      EXPECT_THAT(sent.values, testing::Each(0.0F)) << sent.name;
      EXPECT_NE(own.arrays[a].values, model_.parameters.arrays[a].values) << sent.name << " was not learnt";
    } else {
      EXPECT_EQ(own.arrays[a].values, model_.parameters.arrays[a].values) << sent.name;
    }
  }
  EXPECT_EQ(norms, 12U) << "six convolutions with a norm, scale and shift each";
}

// The same training but for what is sent: with the own arrays in place, a round starts where the last one ended.
TEST_F(OwnArraysTest, ARoundStartsFromTheHospitalsOwnArrays) {
  RunPlan all = plan_;
  all.aggregation.keep_local = "none";
  LocalRound other(folder_ / "other", Device(), 1);
  const auto run = [&](std::int64_t number, const Parameters& start) {
    ModelCard card = CardOf(all);
    card.run = RunId("run-1");
    const GlobalModel model = ParseModel(SerializeModel(card, start), "m");
    return Sum(
        start,
        other.Run({{RunId("run-1"), RoundNumber(number), SiteId("north"), 1}, all, model, training_, 2, {}}, {}).delta);
  };
  const Parameters expected = run(2, run(1, model_.parameters));

  model_ = Global(Sum(model_.parameters, Run(round_, 1).delta));  // the only site: its update is the mean
  LocalRound restarted(folder_ / "site", Device(), 1);
  model_ = Global(Sum(model_.parameters, Run(restarted, 2).delta));
  const Parameters own = restarted.own().In(model_);
  for (std::size_t a = 0; a < own.arrays.size(); ++a) {
    for (std::size_t i = 0; i < own.arrays[a].values.size(); ++i)
      ASSERT_NEAR(own.arrays[a].values[i], expected.arrays[a].values[i], 1e-6) << own.arrays[a].name;
  }
}

TEST_F(OwnArraysTest, ARepeatedRoundStartsFromTheOneBeforeIt) {
  Run(round_, 1);
  const Parameters second = Run(round_, 2).delta;
  EXPECT_EQ(Run(round_, 2).delta, second);
  EXPECT_EQ(Run(round_, 3).metrics.steps, 3);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "site/own"), {}), 2) << "two rounds at most";
}

TEST_F(OwnArraysTest, AnotherRunHasItsOwn) {
  Run(round_, 1);
  GlobalModel other = model_;
  other.card.run = RunId("run");  // whose name begins the other's
  EXPECT_FALSE(round_.own().Has(other));
  EXPECT_EQ(round_.own().In(other), other.parameters);
  EXPECT_TRUE(round_.own().Has(model_));
}

TEST_F(OwnArraysTest, AFileOfAnotherNetworkIsRefused) {
  Run(round_, 1);
  WriteFileDurably(folder_ / "site/own/run-1-1.safetensors", SerializeParameters(model_.parameters, {}));
  EXPECT_THAT(ErrorOf([&] { round_.own().In(model_); }).what(), HasSubstr("another network"));
}

TEST_F(OwnArraysTest, AnOwnVersionSaysSo) {
  Run(round_, 1);
  const GlobalModel own = OwnVersion(model_, round_.own().In(model_));
  EXPECT_TRUE(own.card.own);
  EXPECT_EQ(own.card.parent, model_.digest);
  EXPECT_NE(own.digest, model_.digest);
}

TEST_F(OwnArraysTest, AModelIsTunedForTheHospitalItself) {
  plan_.personal = {30, 0.05};
  const std::vector<Sample> validation{SmallSample("case-c", 3)};
  const auto tune = [&](const std::vector<Sample>& on) {
    return TuneForItself(plan_, SiteId("north"), model_.parameters, training_, on, {Device(), 1, "float32"}, {});
  };
  const Personal tuned = tune(validation);
  EXPECT_TRUE(tuned.Better());
  EXPECT_GT(tuned.after.Mean(), tuned.before.Mean() + 0.1);
  Predictor predictor(plan_.network, plan_.prep, tuned.parameters, {Device(), 1, "float32"});
  EXPECT_EQ(tuned.after, Evaluate(predictor, validation, {.patch = plan_.train.patch}));
  EXPECT_EQ(tune(validation).parameters, tuned.parameters) << "the same patients, the same numbers";
  EXPECT_FALSE(tune({}).Better()) << "nobody can say so";
  plan_.personal = {3, 5};  // far too fast
  const Personal worse = tune(validation);
  EXPECT_EQ(worse.Better(), worse.after.sum >= worse.before.sum);
}

}  // namespace
}  // namespace consilium
