// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The predictor's tiles against the network itself, called here on whole volumes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "learning/network.h"
#include "learning/predictor.h"
#include "learning/tensors.h"
#include "learning/tiles.h"
#include "tests/learning/oracle.h"
#include "tests/learning/toy_samples.h"

namespace consilium {
namespace {

constexpr std::int64_t kPatch = 16;
constexpr float kRounding = 2e-6F;  // probabilities; scores are weighted and divided again

class WholeVolume : public testing::Test {
 protected:
  WholeVolume() { LoadParameters(parameters_, spec_, network_->tensors(), "model"); }

  ProbabilityMap Predict(const Sample& sample, double overlap) {
    return predictor_.Predict(sample, {.patch = kPatch, .overlap = overlap});
  }
  // Class scores [classes, z, y, x] of the part of the sample that begins at `x`, in one go.
  at::Tensor Scores(const Sample& sample, std::int64_t x) const {
    const c10::InferenceMode inference;
    const at::Tensor image = Upload(sample, 2, at::kCPU).image.narrow(3, x, kPatch).contiguous().unsqueeze(0);
    return network_->Forward(image, Precision::kFloat32, Network::Levels::kFinest)[0][0];
  }
  static std::vector<float> Tumour(const at::Tensor& scores) {
    const c10::InferenceMode inference;
    return ReadFloats(at::softmax(scores.to(at::kDouble), 0)[1].to(at::kFloat).contiguous());
  }
  static float LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) return INFINITY;
    float largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
  }

  const NetworkSpec spec_ = test::OracleNetwork();
  const Parameters parameters_ = InitialParameters(spec_, 7);
  const std::unique_ptr<Network> network_ = MakeNetwork(spec_, at::kCPU);
  Predictor predictor_{spec_, {}, parameters_, {.threads = 2, .precision = "float32"}};
};

TEST_F(WholeVolume, OnePatchIsTheNetworksOwnAnswerWhateverTheOverlap) {
  const Sample sample = test::ToySample(1, {kPatch, kPatch, kPatch});
  const std::vector<float> expected = Tumour(Scores(sample, 0));
  ASSERT_GT(*std::max_element(expected.begin(), expected.end()) - *std::min_element(expected.begin(), expected.end()),
            0.05F)
      << "the toy must give something to compare";
  const ProbabilityMap half = Predict(sample, 0.5);
  EXPECT_LT(LargestDifference(half.tumour, expected), kRounding);
  for (const double overlap : {0.0, 0.25, 0.9}) EXPECT_EQ(Predict(sample, overlap).tumour, half.tumour) << overlap;
}

TEST_F(WholeVolume, TilesWithoutOverlapAreAnswersSideBySide) {
  const Sample sample = test::ToySample(2, {2 * kPatch, kPatch, kPatch});
  const std::vector<float> expected = Tumour(at::cat({Scores(sample, 0), Scores(sample, kPatch)}, 3));
  EXPECT_LT(LargestDifference(Predict(sample, 0).tumour, expected), kRounding);
}

// The sum over tiles in double, last tile first: the order the predictor goes in is seen in nothing but rounding.
TEST_F(WholeVolume, TheOrderOfTilesDoesNotCount) {
  const Sample sample = test::ToySample(3, {2 * kPatch, kPatch, kPatch});
  const c10::InferenceMode inference;
  const std::vector<float> line = TileWeights(kPatch);
  const at::Tensor weights = at::tensor(std::vector<double>(line.begin(), line.end()), at::kDouble);
  at::Tensor sum = at::zeros({2, kPatch, kPatch, 2 * kPatch}, at::kDouble);
  at::Tensor total = at::zeros({2 * kPatch}, at::kDouble);
  for (const std::int64_t x : {kPatch, kPatch / 2, std::int64_t{0}}) {
    // Along y and z there is one tile, so its weights there cancel out.
    sum.narrow(3, x, kPatch).add_(Scores(sample, x).to(at::kDouble) * weights);
    total.narrow(0, x, kPatch).add_(weights);
  }
  const std::vector<float> predicted = Predict(sample, 0.5).tumour;
  EXPECT_LT(LargestDifference(predicted, Tumour(sum / total)), 1e-5F);
  EXPECT_GT(LargestDifference(predicted, Predict(sample, 0).tumour), 1e-3F) << "overlap does something here";
}

}  // namespace
}  // namespace consilium
