// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/augment.h"

#include <gtest/gtest.h>

#include "learning/loss.h"
#include "tests/learning/oracle_tensors.h"

namespace consilium {
namespace {

constexpr std::int64_t kPatch = 12;

class Augment : public testing::Test {
 protected:
  at::Tensor Expected(const std::string& name) const { return test::TensorOf(oracle_, name); }

  Augmentation Moved() const {
    Augmentation how;
    for (std::size_t a = 0; a < 3; ++a) how.rotation[a] = oracle_.Values("angles")[a];
    how.zoom = oracle_.Values("zoom")[0];
    return how;
  }

  // The oracle's patch with one thing changed in each channel.
  at::Tensor Changed(const Augmentation::Channel& first, const Augmentation::Channel& second) const {
    Augmentation how;
    how.channels = {first, second};
    at::Tensor image = Expected("patch");
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
    ChangeIntensities(how, generator, image);
    return image;
  }

  test::Oracle oracle_{"recipe.safetensors"};
  const std::array<std::int64_t, 3> corner_ = {0, 1, 2};  // the patch's middle is the volume's
};

TEST_F(Augment, RotationAndZoomAreNnUNets) {
  const at::Tensor image = Expected("image"), label = Expected("label").to(at::kByte);
  at::Tensor moved = at::empty({2, kPatch, kPatch, kPatch});
  CutMovedPatch(image, corner_, Moved(), Expected("air").view({2, 1, 1, 1}), moved);
  EXPECT_LT(test::LargestDifference(moved, Expected("moved/image")), 2e-5);
  at::Tensor moved_label = at::empty({1, kPatch, kPatch, kPatch}, at::kByte);
  CutMovedLabel(label, corner_, Moved(), 2, moved_label);
  const at::Tensor expected = Expected("moved/label").to(at::kByte);
  EXPECT_GT(expected.eq(1).sum().item<std::int64_t>(), 100);
  EXPECT_GT(expected.eq(kIgnoreLabel).sum().item<std::int64_t>(), 100);
  EXPECT_EQ(moved_label.ne(expected).sum().item<std::int64_t>(), 0);
}

TEST_F(Augment, AMoveByNothingIsTheCutItself) {
  const at::Tensor image = Expected("image");
  const at::Tensor air = Expected("air").view({2, 1, 1, 1});
  at::Tensor cut = at::empty({2, kPatch, kPatch, kPatch}), turned = at::empty_like(cut);
  Augmentation hardly;
  hardly.zoom = 1 + 1e-9;
  CutMovedPatch(image, {-3, 4, 7}, {}, air, cut);
  CutMovedPatch(image, {-3, 4, 7}, hardly, air, turned);
  EXPECT_LT(test::LargestDifference(cut, turned), 1e-4);
  EXPECT_EQ(cut[0][0][0][0].item<float>(), -1.25F);  // x = -3: air
}

TEST_F(Augment, BlurIsNnUNets) {
  Augmentation::Channel a, b;
  a.blur = {0.5, 0.75, 1.0};
  b.blur = {0.9, 0.6, 0.7};
  EXPECT_LT(test::LargestDifference(Changed(a, b), Expected("changed/blur")), 1e-5);
}

TEST_F(Augment, BrightnessIsAFactor) {
  Augmentation::Channel a, b;
  a.brightness = 0.75;
  EXPECT_LT(test::LargestDifference(Changed(a, b)[0], Expected("patch")[0] * 0.75), 1e-6);
  EXPECT_EQ(test::LargestDifference(Changed(a, b)[1], Expected("patch")[1]), 0);
}

TEST_F(Augment, ContrastIsNnUNets) {
  Augmentation::Channel a, b;
  a.contrast = 0.8;
  b.contrast = 1.2;
  EXPECT_LT(test::LargestDifference(Changed(a, b), Expected("changed/contrast")), 1e-5);
}

TEST_F(Augment, LowResolutionIsNnUNets) {
  Augmentation::Channel a, b;
  a.resolution = 0.55;
  b.resolution = 0.875;
  EXPECT_LT(test::LargestDifference(Changed(a, b), Expected("changed/resolution")), 1e-5);
}

TEST_F(Augment, BothGammasAreNnUNets) {
  Augmentation::Channel a, b;
  a.gamma = 0.7;
  b.gamma = 1.4;
  EXPECT_LT(test::LargestDifference(Changed(a, b), Expected("changed/gamma")), 2e-5);
  std::swap(a.gamma, a.inverted_gamma);
  std::swap(b.gamma, b.inverted_gamma);
  EXPECT_LT(test::LargestDifference(Changed(a, b), Expected("changed/inverted_gamma")), 2e-5);
}

TEST_F(Augment, NoiseIsOfTheSeedAndHasItsSpread) {
  const auto noisy = [&](std::uint64_t seed) {
    Augmentation how;
    how.noise_sd = 0.08;
    how.noise_seed = seed;
    at::Tensor image = at::zeros({2, 24, 24, 24});
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
    ChangeIntensities(how, generator, image);
    return image;
  };
  EXPECT_EQ(test::LargestDifference(noisy(3), noisy(3)), 0);
  EXPECT_GT(test::LargestDifference(noisy(3), noisy(4)), 0.1);
  EXPECT_NEAR(noisy(3).std().item<double>(), 0.08, 0.002);
  EXPECT_NEAR(noisy(3).mean().item<double>(), 0, 0.002);
  EXPECT_GT(test::LargestDifference(noisy(3)[0], noisy(3)[1]), 0.1);  // each voxel of each channel has its own
}

// nnU-Net's ignore label.
TEST_F(Augment, VoxelsThatNobodyJudgedHaveNoPartInTheLoss) {
  const at::Tensor target = Expected("partly/label").squeeze(1).to(at::kLong);
  const at::Tensor scores = Expected("partly/scores").requires_grad_();
  const at::Tensor loss = DiceCrossEntropy(scores, target, Labelled::kPartly);
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), oracle_.Values("partly/loss")[0], 1e-6);
  EXPECT_LT(test::LargestDifference(scores.grad(), Expected("partly/gradient")), 1e-7);
  EXPECT_EQ(scores.grad()[0].narrow(1, 0, 3).abs().max().item<double>(), 0);
  const at::Tensor nobody = at::full_like(target, kIgnoreLabel);
  EXPECT_NEAR(DiceCrossEntropy(scores, nobody, Labelled::kPartly).item<double>(), oracle_.Values("partly/nobody")[0],
              1e-6);
}

}  // namespace
}  // namespace consilium
