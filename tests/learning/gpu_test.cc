// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Label gpu: skipped with the reason where no GPU can be used.
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "learning/evaluate.h"
#include "learning/gpu_module.h"
#include "learning/runtime.h"
#include "learning/trainer.h"
#include "tests/learning/toy_samples.h"

namespace consilium {
namespace {

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    const LearningRuntime& runtime = StartLearningRuntime();
    if (!runtime.gpu) GTEST_SKIP() << "no GPU: " << runtime.gpu_reason;
  }
  static TrainOutcome Train(Device device, const std::string& precision) {
    TrainPlan plan;
    plan.steps = 20;
    plan.patch = 16;
    plan.precision = precision;
    Trainer trainer(kNetwork, {}, {.device = device, .threads = 2});
    return trainer.Train(InitialParameters(kNetwork, 1), {}, test::ToySamples(3), plan, {0, 20, 4});
  }
  static inline const NetworkSpec kNetwork{.features = {8, 16, 16}};
  static inline const Device kGpu{DeviceKind::kCuda, 0};
};

// float32 on both: the same patches and rules; only orders of sums differ, and 20 steps carry them on.
TEST_F(Gpu, TwentyStepsLoseAsOnTheProcessor) {
  const TrainOutcome cpu = Train({}, "float32"), gpu = Train(kGpu, "float32");
  EXPECT_NEAR(gpu.mean_loss, cpu.mean_loss, 2e-3);
  EXPECT_EQ(gpu.device, "cuda:0");
}

TEST_F(Gpu, Bfloat16LosesNearly) {
  EXPECT_NEAR(Train(kGpu, "bfloat16").mean_loss, Train({}, "float32").mean_loss, 0.05);
}

TEST_F(Gpu, SameSeedGivesTheSameBits) {
  EXPECT_EQ(Train(kGpu, "float32").parameters, Train(kGpu, "float32").parameters);
}

TEST_F(Gpu, PredictsAsTheProcessor) {
  const Parameters parameters = InitialParameters(kNetwork, 2);
  const Sample sample = test::ToySample(7);
  Predictor on_cpu(kNetwork, {}, parameters, {.device = {}, .precision = "float32"});
  Predictor on_gpu(kNetwork, {}, parameters, {.device = kGpu, .precision = "float32"});
  const auto a = on_cpu.Predict(sample, {.patch = 16}).tumour, b = on_gpu.Predict(sample, {.patch = 16}).tumour;
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  EXPECT_LT(largest, 1e-4F);
}

TEST_F(Gpu, ConvolutionsInBfloat16AreRight) { EXPECT_LT(TheGpuModule()->Bfloat16ConvolutionError(0), 0.05); }

}  // namespace
}  // namespace consilium
