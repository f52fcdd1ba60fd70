// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/learning/oracle_tensors.h"

namespace consilium {
namespace {

TEST(Loss, OneLevelIsNnUNetsDiceAndCrossEntropy) {
  const test::Oracle oracle("network.safetensors");
  const at::Tensor target = test::TensorOf(oracle, "label").squeeze(1).to(at::kLong);
  EXPECT_NEAR(DiceCrossEntropy(test::TensorOf(oracle, "outputs/0"), target).item<double>(),
              oracle.Values("finest_loss")[0], 1e-6);
}

TEST(Loss, PerfectScoresGiveMinusOne) {
  at::Tensor target = at::zeros({1, 4, 4, 4}, at::kLong);
  target.narrow(1, 0, 2).fill_(1);
  const at::Tensor scores = at::stack({target.eq(0), target.eq(1)}, 1).to(at::kFloat) * 40;
  EXPECT_NEAR(DiceCrossEntropy(scores, target).item<double>(), -1, 1e-6);
}

// Uniform scores: cross-entropy ln 2; Dice 2 * (n/2) / (N/2 + n) with n tumour voxels of N.
TEST(Loss, UniformScoresGiveTheValueByHand) {
  at::Tensor target = at::zeros({1, 4, 4, 4}, at::kLong);
  target.narrow(1, 0, 1).fill_(1);  // 16 of 64
  EXPECT_NEAR(DiceCrossEntropy(at::zeros({1, 2, 4, 4, 4}), target).item<double>(), std::log(2) - 16.0 / 48.0, 1e-6);
}

TEST(Loss, EachItemHasItsOwnDice) {
  at::Tensor target = at::zeros({2, 4, 4, 4}, at::kLong);
  target[0].narrow(0, 0, 1).fill_(1);
  const at::Tensor scores = at::zeros({2, 2, 4, 4, 4});
  const double empty_dice = 1e-5 / (32 + 1e-5);
  EXPECT_NEAR(DiceCrossEntropy(scores, target).item<double>(), std::log(2) - (16.0 / 48.0 + empty_dice) / 2, 1e-6);
}

TEST(Loss, WeightsHalveAndTheCoarsestCountsNothing) {
  EXPECT_THAT(DeepSupervisionWeights(1), testing::ElementsAre(1.0));
  EXPECT_THAT(DeepSupervisionWeights(2), testing::ElementsAre(1.0, 0.0));
  EXPECT_THAT(DeepSupervisionWeights(5),
              testing::ElementsAre(testing::DoubleNear(8.0 / 15, 1e-12), testing::DoubleNear(4.0 / 15, 1e-12),
                                   testing::DoubleNear(2.0 / 15, 1e-12), testing::DoubleNear(1.0 / 15, 1e-12), 0.0));
}

// "nearest-exact" takes voxel 1 of every 2: a target that is set only there is full at the second level.
TEST(Loss, CoarserTargetsTakeTheVoxelThatNearestExactTakes) {
  at::Tensor target = at::zeros({1, 8, 8, 8}, at::kLong);
  target.slice(1, 1, std::nullopt, 2).slice(2, 1, std::nullopt, 2).slice(3, 1, std::nullopt, 2).fill_(1);
  const at::Tensor sure = at::stack({at::full({1, 4, 4, 4}, -30.0F), at::full({1, 4, 4, 4}, 30.0F)}, 1);
  const std::vector<at::Tensor> scores = {at::zeros({1, 2, 8, 8, 8}), sure, at::zeros({1, 2, 2, 2, 2})};
  const double first = DiceCrossEntropy(scores[0], target).item<double>();
  EXPECT_NEAR(DeepSupervisionLoss(scores, target).item<double>(), 2.0 / 3 * first + 1.0 / 3 * -1, 1e-5);
}

}  // namespace
}  // namespace consilium
