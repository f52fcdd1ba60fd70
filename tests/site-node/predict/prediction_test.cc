// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/predict/prediction.h"

#include <gtest/gtest.h>

#include <cmath>

#include "imaging/findings/find_lesions.h"
#include "imaging/findings/segmentation_metrics.h"
#include "tests/site-node/small_samples.h"
#include "tests/support/fake_clock.h"

namespace consilium {
namespace {

ProbabilityMap Map(float value) {
  ProbabilityMap map;
  map.grid.size = {5, 5, 5};
  map.tumour.assign(125, value);
  return map;
}

TEST(RimEntropy, OfASharpOutlineIsZero) {
  ProbabilityMap map = Map(0);
  for (std::int64_t i = 1; i < 4; ++i) map.tumour[static_cast<std::size_t>(map.grid.Offset(i, 2, 2))] = 1;
  EXPECT_EQ(RimEntropy(map), 0);
}

TEST(RimEntropy, IsTheMeanOverVoxelsNextToTheOtherSide) {
  ProbabilityMap map = Map(0.25F);
  map.tumour[static_cast<std::size_t>(map.grid.Offset(2, 2, 2))] = 0.75F;
  // One voxel inside and its six neighbours, all with the entropy of a quarter.
  const double expected = -(0.25 * std::log2(0.25) + 0.75 * std::log2(0.75));
  EXPECT_NEAR(RimEntropy(map), expected, 1e-6);
  map.tumour[0] = 0.5F;  // a corner with three neighbours: entropy 1 there
  EXPECT_NEAR(RimEntropy(map), (10 * expected + 1) / 11, 1e-6);
}

TEST(RimEntropy, WhereNothingIsPredictedIsThatOfTheLikeliestVoxel) {
  ProbabilityMap map = Map(0.01F);
  map.tumour[60] = 0.4F;
  EXPECT_NEAR(RimEntropy(map), -(0.4 * std::log2(0.4) + 0.6 * std::log2(0.6)), 1e-6);
  EXPECT_EQ(RimEntropy(Map(0)), 0);
}

TEST(EntropyMap, IsInBitsAndHighestAtOneHalf) {
  ProbabilityMap map = Map(0.25F);
  map.tumour[0] = 0.5F;
  map.tumour[1] = 1;
  map.tumour[2] = 0;
  const std::vector<float> entropy = EntropyMap(map);
  ASSERT_EQ(entropy.size(), 125U);
  EXPECT_EQ(entropy[0], 1);
  EXPECT_EQ(entropy[1], 0);
  EXPECT_EQ(entropy[2], 0);
  EXPECT_NEAR(entropy[3], 0.8112781F, 1e-6F);
}

TEST(PredictCase, GivesLesionsOnThePetGridAndTheirDice) {
  const RunPlan plan = SmallPlan();
  ModelCard card;
  card.network = plan.network;
  card.version = ModelVersion(3);
  const GlobalModel model = ParseModel(SerializeModel(card, InitialParameters(plan.network, 5)), "model");
  Predictor predictor(plan.network, plan.prep, model.parameters, {Device(), 1, "float32"});
  const Sample sample = SmallSample("case-a", 1);
  Volume pet;
  pet.modality = Modality::kPet;
  pet.geometry = sample.grid;
  pet.geometry.size = {24, 24, 24};
  pet.geometry.spacing_mm = {2, 2, 2};
  pet.geometry.origin_mm = {-1, -1, -1};
  pet.voxels.assign(24 * 24 * 24, 100);
  pet.slope.assign(24, 0.05F);
  pet.intercept.assign(24, 0);
  LabelMap reference{pet.geometry, std::vector<std::uint8_t>(24 * 24 * 24, 0)};
  reference.voxels[static_cast<std::size_t>(pet.geometry.Offset(12, 12, 12))] = 1;
  FakeClock clock;

  const Prediction prediction = PredictCase(predictor, model, {sample, pet, &reference}, {.patch = 8}, {}, clock);
  EXPECT_EQ(prediction.id, sample.id);
  EXPECT_EQ(prediction.model, model.digest);
  EXPECT_EQ(prediction.version, ModelVersion(3));
  EXPECT_EQ(prediction.made, clock.Wall());
  EXPECT_EQ(prediction.labels.geometry, pet.geometry);
  EXPECT_DOUBLE_EQ(prediction.dice, Dice(prediction.labels, reference));
  // What stands on the PET grid is what reaches one half there, without specks.
  double volume_ml = 0;
  for (const Lesion& lesion : prediction.lesions) {
    EXPECT_GE(lesion.volume_ml, kSmallestLesionMl);
    EXPECT_NEAR(lesion.suv_mean, 5, 1e-4);
    volume_ml += lesion.volume_ml;
  }
  EXPECT_NEAR(volume_ml, 0.008 * static_cast<double>(prediction.labels.CountNonZero()), 1e-6);
  // The map that it was cut from, on the same grid.
  ProbabilityMap map;
  PredictCase(predictor, model, {sample, pet, nullptr, &map}, {.patch = 8}, {}, clock);
  EXPECT_EQ(map.grid, pet.geometry);
  for (std::size_t v = 0; v < map.tumour.size(); ++v) {
    ASSERT_TRUE(prediction.labels.voxels[v] == 0 || map.tumour[v] >= 0.5F);
  }
  // By a card that says so, the largest part alone. This start makes several.
  Predictor speckled(plan.network, plan.prep, InitialParameters(plan.network, 8), {Device(), 1, "float32"});
  GlobalModel largest = model;
  largest.card.largest_only = true;
  const Prediction all = PredictCase(speckled, model, {sample, pet, nullptr}, {.patch = 8}, {}, clock);
  const Prediction alone = PredictCase(speckled, largest, {sample, pet, nullptr}, {.patch = 8}, {}, clock);
  ASSERT_GE(all.lesions.size(), 2U);
  ASSERT_EQ(alone.lesions.size(), 1U);
  EXPECT_EQ(alone.lesions[0].volume_ml, all.lesions[0].volume_ml);
  const Prediction without = PredictCase(predictor, model, {sample, pet, nullptr}, {.patch = 8}, {}, clock);
  EXPECT_EQ(without.dice, -1);
  EXPECT_EQ(without.labels.voxels, prediction.labels.voxels);
}

}  // namespace
}  // namespace consilium
