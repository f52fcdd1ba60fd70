// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/plain_conv_unet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "learning/loss.h"
#include "learning/tensors.h"
#include "tests/learning/oracle_tensors.h"

namespace consilium {
namespace {

using Levels = PlainConvUNet::Levels;
constexpr double kTolerance = 2e-5;  // float32, other order of sums, activations of size 1

TEST(PlainConvUNet, ParametersAreTheLayoutOneToOneAndInOrder) {
  const NetworkSpec spec{.features = {4, 8, 8, 12}, .convs_per_stage = 3};
  const PlainConvUNet network(spec, at::kCPU);
  const auto named = network.named_parameters();
  const auto layout = LayoutOf(spec);
  ASSERT_EQ(named.size(), layout.size());
  for (std::size_t i = 0; i < layout.size(); ++i) {
    EXPECT_EQ(named[i].key(), layout[i].name);
    EXPECT_EQ(named[i].value().sizes().vec(), layout[i].shape) << layout[i].name;
    EXPECT_TRUE(named[i].value().is_same(network.tensors()[i])) << layout[i].name;
  }
}

TEST(PlainConvUNet, OutputsAndGradientsAreNnUNets) {
  const test::Oracle oracle("network.safetensors");
  const PlainConvUNet network(test::OracleNetwork(), at::kCPU);
  LoadParameters(oracle.Network(network.spec()), network.spec(), network.tensors(), "oracle");
  const auto outputs = network.Forward(test::TensorOf(oracle, "image"), Precision::kFloat32, Levels::kAll);
  ASSERT_EQ(outputs.size(), 3u);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_LT(test::LargestDifference(outputs[i], test::TensorOf(oracle, "outputs/" + std::to_string(i))), kTolerance)
        << i;
  }
  const at::Tensor loss = DeepSupervisionLoss(outputs, test::TensorOf(oracle, "label").squeeze(1).to(at::kLong));
  EXPECT_NEAR(loss.item<double>(), oracle.Values("loss")[0], 2e-6);
  loss.backward();
  int compared = 0;
  for (const auto& parameter : network.named_parameters()) {
    const std::string name = "gradients/" + parameter.key();
    ASSERT_EQ(parameter.value().grad().defined(), oracle.Has(name)) << name;
    if (!oracle.Has(name)) continue;
    EXPECT_LT(test::LargestDifference(parameter.value().grad(), test::TensorOf(oracle, name)), 1e-5) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 66);
}

TEST(PlainConvUNet, PredictionUsesTheFinestLevelOnly) {
  const test::Oracle oracle("network.safetensors");
  const PlainConvUNet network(test::OracleNetwork(), at::kCPU);
  LoadParameters(oracle.Network(network.spec()), network.spec(), network.tensors(), "oracle");
  const c10::InferenceMode inference;
  const auto outputs = network.Forward(test::TensorOf(oracle, "image"), Precision::kFloat32, Levels::kFinest);
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_LT(test::LargestDifference(outputs[0], test::TensorOf(oracle, "outputs/0")), kTolerance);
}

TEST(PlainConvUNet, Bfloat16StaysNearAndScoresAreFloat32) {
  const test::Oracle oracle("network.safetensors");
  const PlainConvUNet network(test::OracleNetwork(), at::kCPU);
  LoadParameters(oracle.Network(network.spec()), network.spec(), network.tensors(), "oracle");
  const auto outputs = network.Forward(test::TensorOf(oracle, "image"), Precision::kBfloat16, Levels::kAll);
  EXPECT_EQ(outputs[0].scalar_type(), at::kFloat);
  const double difference = test::LargestDifference(outputs[0], test::TensorOf(oracle, "outputs/0"));
  EXPECT_GT(difference, kTolerance);  // it really computes in bfloat16
  EXPECT_LT((outputs[0] - test::TensorOf(oracle, "outputs/0")).abs().mean().item<double>(), 0.05);
}

TEST(PlainConvUNet, ParametersGoInAndOutWithoutLoss) {
  const NetworkSpec spec = test::OracleNetwork();
  const PlainConvUNet network(spec, at::kCPU);
  const Parameters parameters = InitialParameters(spec, 5);
  LoadParameters(parameters, spec, network.tensors(), "model");
  EXPECT_EQ(SaveParameters(spec, network.tensors()), parameters);
}

TEST(PlainConvUNet, ParametersOfAnotherNetworkAreRefusedWithNameAndShapes) {
  const NetworkSpec spec = test::OracleNetwork();
  const PlainConvUNet network(spec, at::kCPU);
  const auto words = [&](const Parameters& parameters) {
    try {
      LoadParameters(parameters, spec, network.tensors(), "the model");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  Parameters wider = InitialParameters({.features = {3, 4, 5, 7}}, 1);
  EXPECT_THAT(words(wider),
              testing::AllOf(testing::HasSubstr("the model"), testing::HasSubstr("encoder.stages.3"),
                             testing::HasSubstr("[7, 5, 3, 3, 3]"), testing::HasSubstr("[6, 5, 3, 3, 3]")));
  Parameters renamed = InitialParameters(spec, 1);
  renamed.arrays[2].name = "encoder.norm";
  EXPECT_THAT(words(renamed), testing::HasSubstr("encoder.norm"));
  Parameters cut = InitialParameters(spec, 1);
  cut.arrays[0].values.pop_back();
  EXPECT_THAT(words(cut), testing::AllOf(testing::HasSubstr("161 numbers"), testing::HasSubstr("162")));
}

}  // namespace
}  // namespace consilium
