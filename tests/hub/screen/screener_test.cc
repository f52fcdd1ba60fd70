// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Every reason for which an update is refused, with its words.
#include "hub/screen/screener.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "core/base/file_store.h"
#include "core/model/network_spec.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

class ScreenerTest : public testing::Test {
 protected:
  ScreenerTest() {
    plan_.name = "tiny";
    plan_.network.features = {4, 8};
    plan_.network.convs_per_stage = 1;
    plan_.train.steps = 20;
    plan_.aggregation.max_update_norm = 10;
    update_.id = {RunId("tiny-1"), RoundNumber(2), SiteId("north"), 1};
    update_.base = DigestOf("the global model");
    update_.metrics = {0.5, 20, 8, {1.2, 2}, 3.0};
    for (const ArraySpec& array : LayoutOf(plan_.network)) {
      std::size_t numbers = 1;
      for (const std::int64_t edge : array.shape) numbers *= static_cast<std::size_t>(edge);
      update_.delta.arrays.push_back({array.name, array.shape, std::vector<float>(numbers, 0.001F)});
    }
  }
  Verdict Check(const ModelUpdate& update) const {
    WriteFileDurably(folder_ / "update", SerializeUpdate(update));
    return Screener(plan_).Check(SpooledUpdate(folder_ / "update", "the update"),
                                 {update_.id, update_.base, most_samples_});
  }
  // The verdict's words after one change to a right update.
  std::string After(const std::function<void(ModelUpdate&)>& change) const {
    ModelUpdate changed = update_;
    change(changed);
    const Verdict verdict = Check(changed);
    EXPECT_FALSE(verdict.accepted);
    return verdict.reason;
  }

  TemporaryFolder folder_;
  RunPlan plan_;
  ModelUpdate update_;
  std::int64_t most_samples_ = 8;
};

TEST_F(ScreenerTest, ARightUpdateIsAcceptedWithItsMetrics) {
  const Verdict verdict = Check(update_);
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  EXPECT_EQ(verdict.metrics, update_.metrics);
  EXPECT_EQ(Screener(plan_).count(), update_.delta.Count());
}

TEST_F(ScreenerTest, ItMustBeTheSubmissionItWasSentAsFromThisRoundsModel) {
  EXPECT_NE(After([](ModelUpdate& u) { u.id.round = RoundNumber(1); }).find("calls itself tiny-1/1/north/1"),
            std::string::npos);
  EXPECT_NE(After([](ModelUpdate& u) { u.id.site = SiteId("coast"); }).find("it was sent as tiny-1/2/north/1"),
            std::string::npos);
  EXPECT_NE(After([](ModelUpdate& u) {
              u.base = DigestOf("another");
            }).find("trained from model " + DigestOf("another").Short()),
            std::string::npos);
}

TEST_F(ScreenerTest, TheArraysMustBeThoseOfTheModel) {
  EXPECT_NE(After([](ModelUpdate& u) { u.delta.arrays[1].name = "encoder.other"; }).find("array 2 is `encoder.other`"),
            std::string::npos);
  EXPECT_NE(After([](ModelUpdate& u) { std::swap(u.delta.arrays[0], u.delta.arrays[2]); }).find("array 1 is"),
            std::string::npos);
  const std::string shape = After([](ModelUpdate& u) {
    u.delta.arrays[1].shape = {2, 2};
    u.delta.arrays[1].values.resize(4);
  });
  EXPECT_NE(shape.find("[2, 2] F32, the model has"), std::string::npos) << shape;
  const auto count = std::to_string(update_.delta.arrays.size());
  EXPECT_NE(After([](ModelUpdate& u) { u.delta.arrays.pop_back(); }).find("the model has " + count), std::string::npos);
  EXPECT_NE(After([](ModelUpdate& u) {
              u.delta.arrays.push_back({"more", {1}, {0}});
            }).find("the model has " + count),
            std::string::npos);
}

TEST_F(ScreenerTest, NumbersMustBeFiniteSmallAndOfABoundedNorm) {
  const std::string name = update_.delta.arrays.back().name;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(After([&](ModelUpdate& u) { u.delta.arrays.back().values.back() = bad; }),
              "array `" + name + "` holds a number that is not finite");
  }
  EXPECT_EQ(After([&](ModelUpdate& u) { u.delta.arrays.back().values.back() = -1025; }),
            "array `" + name + "` holds -1025; changes are at most 1024");
  // One number of 10 and the others 0 is on the limit; a hair more is over it.
  ModelUpdate edge = update_;
  for (NamedArray& array : edge.delta.arrays) std::fill(array.values.begin(), array.values.end(), 0.0F);
  edge.delta.arrays.front().values.front() = 10;
  EXPECT_TRUE(Check(edge).accepted);
  edge.delta.arrays.back().values.back() = 0.5F;
  const Verdict over = Check(edge);
  EXPECT_FALSE(over.accepted);
  EXPECT_EQ(over.reason, "its norm is 10.01; the plan's limit is 10");
}

TEST_F(ScreenerTest, ClaimsMustBeBelievable) {
  EXPECT_EQ(After([](ModelUpdate& u) { u.metrics.samples = 9; }),
            "it claims 9 training patients; the site has declared 8");
  EXPECT_EQ(After([](ModelUpdate& u) { u.metrics.steps = 21; }), "it claims 21 steps; the plan has 20");
  EXPECT_EQ(After([](ModelUpdate& u) { u.metrics.steps = 0; }), "it claims 0 steps; the plan has 20");
  most_samples_ = 7;
  EXPECT_FALSE(Check(update_).accepted);
}

TEST_F(ScreenerTest, AFileThatIsNoUpdateIsNamedNotMapped) {
  WriteFileDurably(folder_ / "empty", std::string_view(""));
  WriteFileDurably(folder_ / "noise", std::string(4096, '\xff'));
  std::vector<std::byte> cut = SerializeUpdate(update_);
  cut.resize(cut.size() - 1);
  WriteFileDurably(folder_ / "cut", cut);
  for (const char* file : {"empty", "noise", "cut"}) {
    ExpectError(ErrorCode::kInvalidArgument, "the update", [&] { SpooledUpdate(folder_ / file, "the update"); });
  }
  ExpectError(ErrorCode::kDataLoss, "its file is gone from the spool",
              [&] { SpooledUpdate(folder_ / "none", "the update"); });
}

TEST_F(ScreenerTest, NumbersAreReadFromAnyPlace) {
  float next = 0;
  for (NamedArray& array : update_.delta.arrays) {
    for (float& value : array.values) value = next++;
  }
  WriteFileDurably(folder_ / "update", SerializeUpdate(update_));
  const SpooledUpdate spooled(folder_ / "update", "the update");
  ASSERT_EQ(spooled.count(), update_.delta.Count());
  std::vector<float> values(7);
  for (const std::int64_t first : {std::int64_t{0}, std::int64_t{105}, spooled.count() - 7}) {
    spooled.Read(first, values);
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(values[i], static_cast<float>(first) + static_cast<float>(i));
  }
}

}  // namespace
}  // namespace consilium
