// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/predict/prediction_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::ElementsAre;

Prediction Make(const std::string& id, const std::string& model, std::int64_t version = 0) {
  Prediction prediction;
  prediction.id = CaseId(id);
  prediction.model = DigestOf(model);
  prediction.version = ModelVersion(version);
  prediction.made = WallTime(std::chrono::milliseconds(1234));
  prediction.labels.geometry.size = {5, 4, 3};
  prediction.labels.geometry.spacing_mm = {0.1, 4.07283, 3};
  prediction.labels.geometry.origin_mm = {-1.0 / 3, 2, 3};
  prediction.labels.geometry.direction = {{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}}};
  prediction.labels.voxels.assign(60, 0);
  prediction.labels.voxels[10] = 1;
  prediction.labels.voxels[11] = 1;
  prediction.labels.voxels[59] = 2;
  prediction.lesions = {{1, 0.3, 9.5, 4.25, 0.875, {1.0 / 3, -2, 3}}, {2, 0.1, 5, 3, std::nullopt, {7, 8, 9}}};
  prediction.entropy = 0.1 + 0.2;
  prediction.dice = 2.0 / 3;
  return prediction;
}

class PredictionStoreTest : public testing::Test {
 protected:
  TemporaryFolder scratch_;
  PredictionStore store_{scratch_.path(), {.versions = 3, .bytes = 1 << 20}};
};

TEST_F(PredictionStoreTest, WhatIsStoredIsReadBackBitForBit) {
  const Prediction made = Make("case-a", "m1", 4);
  store_.Put(made);
  PredictionStore again(scratch_.path(), {});
  const std::optional<Prediction> read = again.Get(CaseId("case-a"), DigestOf("m1"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->labels.geometry, made.labels.geometry);
  EXPECT_EQ(read->labels.voxels, made.labels.voxels);
  EXPECT_EQ(read->version, made.version);
  EXPECT_EQ(read->made, made.made);
  EXPECT_EQ(read->entropy, made.entropy);
  EXPECT_EQ(read->dice, made.dice);
  ASSERT_EQ(read->lesions.size(), 2U);
  EXPECT_EQ(read->lesions[0].suv_max, 9.5);
  EXPECT_EQ(read->lesions[0].probability, 0.875);
  EXPECT_EQ(read->lesions[1].probability, std::nullopt);
  EXPECT_EQ(read->lesions[0].centroid_mm, made.lesions[0].centroid_mm);
  EXPECT_FALSE(again.Get(CaseId("case-a"), DigestOf("m2")));
  EXPECT_FALSE(again.Newest(CaseId("case-b")));
}

TEST_F(PredictionStoreTest, TheLastVersionsOfACaseAreKept) {
  for (int i = 0; i < 5; ++i) store_.Put(Make("case-a", "m" + std::to_string(i), i));
  store_.Put(Make("case-b", "m0"));
  EXPECT_THAT(store_.Models(CaseId("case-a")), ElementsAre(DigestOf("m4"), DigestOf("m3"), DigestOf("m2")));
  EXPECT_EQ(store_.Newest(CaseId("case-a"))->version, ModelVersion(4));
  EXPECT_EQ(store_.Models(CaseId("case-b")).size(), 1U);
}

TEST_F(PredictionStoreTest, TheOldestGoWhenTheRoomIsUsedUp) {
  PredictionStore small(scratch_.path(),
                        {.versions = 10, .bytes = 50});  // one prediction takes four runs of five bytes
  for (int i = 0; i < 4; ++i) small.Put(Make("case-a", "m" + std::to_string(i)));
  EXPECT_THAT(small.Models(CaseId("case-a")), ElementsAre(DigestOf("m3"), DigestOf("m2")));
}

TEST_F(PredictionStoreTest, TheSameCaseAndModelAgainTakesItsPlace) {
  store_.Put(Make("case-a", "m1"));
  Prediction better = Make("case-a", "m1");
  better.dice = 0.9;
  store_.Put(better);
  EXPECT_EQ(store_.Models(CaseId("case-a")).size(), 1U);
  EXPECT_EQ(store_.Newest(CaseId("case-a"))->dice, 0.9);
}

TEST_F(PredictionStoreTest, AWorklistGetsOneSummaryForACase) {
  store_.Put(Make("case-a", "m1", 1));
  store_.Put(Make("case-a", "m2", 2));
  store_.Put(Make("case-b", "m1", 1));
  const std::vector<PredictionSummary> summaries = store_.NewestOfEach();
  ASSERT_EQ(summaries.size(), 2U);
  EXPECT_EQ(summaries[0].id, CaseId("case-a"));
  EXPECT_EQ(summaries[0].version, ModelVersion(2));
  EXPECT_EQ(summaries[0].lesions, 2);
  EXPECT_DOUBLE_EQ(summaries[0].volume_ml, 0.4);
  EXPECT_THAT(store_.PredictedBy(DigestOf("m1")), ElementsAre(CaseId("case-a"), CaseId("case-b")));
}

TEST_F(PredictionStoreTest, ACaseWhoseImagesChangedIsForgotten) {
  store_.Put(Make("case-a", "m1"));
  store_.Put(Make("case-b", "m1"));
  store_.Forget(CaseId("case-a"));
  EXPECT_FALSE(store_.Newest(CaseId("case-a")));
  EXPECT_TRUE(store_.Newest(CaseId("case-b")));
}

}  // namespace
}  // namespace consilium
