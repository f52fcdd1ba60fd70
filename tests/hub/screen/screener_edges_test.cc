// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>

#include "cuda/ops/fixed_point_sum.h"
#include "hub/screen/screener.h"
#include "tests/hub/small_run.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

const Digest kBase = DigestOf("the round's model");

class ScreenerEdgesTest : public testing::Test {
 protected:
  Verdict Judge(const RunPlan& plan, const std::vector<std::byte>& file, std::int64_t most_samples = 10) const {
    std::ofstream(folder_ / "update") << TextOf(file);
    return Screener(plan).Check(SpooledUpdate(folder_ / "update", "the update"), {SmallId(), kBase, most_samples});
  }
  // The verdict over a right update that `change` has spoilt.
  Verdict Spoilt(const std::function<void(ModelUpdate&)>& change, std::int64_t most_samples = 10) const {
    ModelUpdate update = SmallUpdate(SmallPlan(), SmallId(), kBase, 0.01F);
    change(update);
    return Judge(SmallPlan(), SerializeUpdate(update), most_samples);
  }
  void ExpectRefused(const std::string& words, const std::function<void(ModelUpdate&)>& change,
                     std::int64_t most_samples = 10) const {
    const Verdict verdict = Spoilt(change, most_samples);
    EXPECT_FALSE(verdict.accepted) << words;
    EXPECT_EQ(verdict.reason, words);
  }

  TemporaryFolder folder_;
};

TEST_F(ScreenerEdgesTest, NumbersThatAreNotFiniteAreFoundWhereverTheyAre) {
  const Parameters model = InitialParameters(SmallPlan().network, 1);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::nanf(""), infinity, -infinity}) {
    for (std::size_t a = 0; a < model.arrays.size(); ++a) {
      ExpectRefused("array `" + model.arrays[a].name + "` holds a number that is not finite",
                    [&](ModelUpdate& update) { update.delta.arrays[a].values.back() = bad; });
    }
  }
}

TEST_F(ScreenerEdgesTest, ABadNumberIsFoundOnBothSidesOfAPiecesEdge) {
  RunPlan plan = SmallPlan();
  plan.network.features = {100, 100};
  const auto layout = LayoutOf(plan.network);
  ModelUpdate update = SmallUpdate(plan, SmallId(), kBase, 0);
  std::size_t big = 0;
  while (update.delta.arrays[big].values.size() <= (std::size_t{1} << 18)) ++big;
  for (const std::size_t at :
       {std::size_t{0}, (std::size_t{1} << 18) - 1, std::size_t{1} << 18, update.delta.arrays[big].values.size() - 1}) {
    update.delta.arrays[big].values[at] = std::nanf("");
    EXPECT_EQ(Judge(plan, SerializeUpdate(update)).reason,
              "array `" + layout[big].name + "` holds a number that is not finite")
        << at;
    update.delta.arrays[big].values[at] = 0;
  }
  EXPECT_TRUE(Judge(plan, SerializeUpdate(update)).accepted);
}

TEST_F(ScreenerEdgesTest, ANumberTooLargeForTheExactSumIsRefused) {
  const auto first = [](float value) { return [=](ModelUpdate& u) { u.delta.arrays[0].values[0] = value; }; };
  RunPlan plan = SmallPlan();
  plan.aggregation.max_update_norm = 2000;
  ModelUpdate update = SmallUpdate(plan, SmallId(), kBase, 0);
  first(-kFixedPointLimit)(update);
  EXPECT_TRUE(Judge(plan, SerializeUpdate(update)).accepted);
  const std::string name = update.delta.arrays[0].name;
  ExpectRefused("array `" + name + "` holds 3e+30; changes are at most 1024", first(3e30F));
  ExpectRefused("array `" + name + "` holds -1024; changes are at most 1024",
                first(std::nextafter(-kFixedPointLimit, -2000.0F)));
}

TEST_F(ScreenerEdgesTest, AnotherNumberTypeIsRefused) {
  const auto good = SerializeUpdate(SmallUpdate(SmallPlan(), SmallId(), kBase, 0.01F));
  std::string text = TextOf(good);
  text.replace(text.find("\"F32\""), 5, "\"I32\"");
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  const Verdict verdict = Judge(SmallPlan(), {bytes.begin(), bytes.end()});
  EXPECT_FALSE(verdict.accepted);
  EXPECT_NE(verdict.reason.find("] I32, the model has `"), std::string::npos) << verdict.reason;
}

TEST_F(ScreenerEdgesTest, CountsMustBeBelievable) {
  ExpectRefused("it claims 11 training patients; the site has declared 10",
                [](ModelUpdate& u) { u.metrics.samples = 11; });
  ExpectRefused(
      "it claims 1048577 training patients; the site has declared 2000000",
      [](ModelUpdate& u) { u.metrics.samples = kFixedPointMaxWeight + 1; }, 2'000'000);
  EXPECT_TRUE(Spoilt([](ModelUpdate& u) { u.metrics.samples = kFixedPointMaxWeight; }, 2'000'000).accepted);
  ExpectRefused("it claims 0 steps; the plan has 50", [](ModelUpdate& u) { u.metrics.steps = 0; });
  ExpectRefused("it claims 51 steps; the plan has 50", [](ModelUpdate& u) { u.metrics.steps = 51; });
  EXPECT_TRUE(Spoilt([](ModelUpdate& u) { u.metrics.steps = 1; }).accepted);
}

}  // namespace
}  // namespace consilium
