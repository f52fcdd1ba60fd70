// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/network_spec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/base/random.h"
#include "tests/core/oracles.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

NetworkSpec SpecOf(const nlohmann::json& network) {
  NetworkSpec spec;
  spec.input_channels = network["input"];
  spec.classes = network["classes"];
  spec.features = network["features"].get<std::vector<std::int64_t>>();
  spec.convs_per_stage = network["convs"];
  spec.deep_supervision = network["deep_supervision"];
  return spec;
}

double Spread(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += double{v} * double{v};
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(NetworkSpecTest, LayoutIsThatOfTheReferenceImplementation) {
  const nlohmann::json layouts = ReadOracleJson("core", "network_layout.json");  // outlives the loop
  for (const auto& network : layouts["networks"]) {
    const auto layout = LayoutOf(SpecOf(network));
    SCOPED_TRACE(network["features"].dump());
    ASSERT_EQ(layout.size(), network["arrays"].size());
    for (std::size_t i = 0; i < layout.size(); ++i) {
      const auto& expected = network["arrays"][i];
      EXPECT_EQ(layout[i].name, expected["name"]);
      EXPECT_EQ(nlohmann::json(layout[i].shape), expected["shape"]) << layout[i].name;
      const bool convolution = expected.contains("sd");
      EXPECT_EQ(layout[i].init == InitRule::kKaimingNormal, convolution) << layout[i].name;
      EXPECT_EQ(layout[i].init == InitRule::kOne, !convolution && expected["constant"] == 1.0) << layout[i].name;
    }
  }
}

TEST(NetworkSpecTest, ParameterCountsAreThePublishedOnes) {
  const auto count = [](std::vector<std::int64_t> features) {
    NetworkSpec spec;
    spec.features = std::move(features);
    std::int64_t sum = 0;
    for (const auto& array : LayoutOf(spec)) {
      sum += std::accumulate(array.shape.begin(), array.shape.end(), std::int64_t{1}, std::multiplies<>());
    }
    return sum;
  };
  EXPECT_EQ(count({32, 64, 128, 256, 320, 320}), 31'196'458);
  EXPECT_EQ(count({32, 64, 128, 256, 320}), 16'548'456);
  EXPECT_EQ(count({32, 64, 128, 256}), 5'603'814);
}

TEST(NetworkSpecTest, InitialSpreadIsTorchs) {
  const nlohmann::json layouts = ReadOracleJson("core", "network_layout.json");  // outlives the loop
  for (const auto& network : layouts["networks"]) {
    if (network["count"] > 2'000'000) continue;  // the small ones say it as well
    const Parameters parameters = InitialParameters(SpecOf(network), 5);
    EXPECT_EQ(parameters.Count(), network["count"]);
    for (std::size_t i = 0; i < parameters.arrays.size(); ++i) {
      const auto& array = parameters.arrays[i];
      const auto& expected = network["arrays"][i];
      if (expected.contains("sd")) {
        // The sd of n normal values has a relative standard error of 1/sqrt(2n): five of them, about 200 arrays.
        const double tolerance = 5.0 / std::sqrt(2.0 * static_cast<double>(array.values.size()));
        EXPECT_NEAR(Spread(array.values) / expected["sd"].get<double>(), 1.0, tolerance) << array.name;
      } else {
        EXPECT_TRUE(std::all_of(array.values.begin(), array.values.end(), [&](float v) {
          return v == expected["constant"];
        })) << array.name;
      }
    }
  }
}

TEST(NetworkSpecTest, InitialDistributionIsTorchs) {
  const auto oracle = ReadOracleJson("core", "network_layout.json");
  const Parameters parameters = InitialParameters(SpecOf(oracle["networks"][0]), 11);
  std::vector<double> pooled;
  for (std::size_t i = 0; i < parameters.arrays.size(); ++i) {
    const auto& expected = oracle["networks"][0]["arrays"][i];
    if (!expected.contains("sd")) continue;
    for (const float v : parameters.arrays[i].values) pooled.push_back(double{v} / expected["sd"].get<double>());
  }
  std::sort(pooled.begin(), pooled.end());
  for (const auto& pair : oracle["quantiles"]) {
    const double p = pair[0];
    const auto below = std::lower_bound(pooled.begin(), pooled.end(), pair[1].get<double>()) - pooled.begin();
    // Both sides are samples of 1.4 million: five standard errors of their difference.
    const double tolerance = 5 * std::sqrt(2 * p * (1 - p) / static_cast<double>(pooled.size()));
    EXPECT_NEAR(static_cast<double>(below) / static_cast<double>(pooled.size()), p, tolerance) << p;
  }
}

TEST(NetworkSpecTest, SameSeedSameNumbers) {
  NetworkSpec spec;
  spec.features = {4, 8, 16};
  EXPECT_EQ(InitialParameters(spec, 3), InitialParameters(spec, 3));
  const Parameters a = InitialParameters(spec, 3), b = InitialParameters(spec, 4);
  EXPECT_NE(a.Find("encoder.stages.0.0.convs.0.conv.weight")->values,
            b.Find("encoder.stages.0.0.convs.0.conv.weight")->values);
  // No two arrays begin alike: each has a stream of its own.
  EXPECT_NE(a.Find("encoder.stages.1.0.convs.1.conv.weight")->values[0] /
                a.Find("encoder.stages.0.0.convs.1.conv.weight")->values[0],
            static_cast<float>(std::sqrt(4.0 / 8.0)));
  // The first weight on every machine (Philox, then the polar method); a change of it changes every model digest.
  const float first = a.Find("encoder.stages.0.0.convs.0.conv.weight")->values[0];
  Random random(3, 0);
  EXPECT_EQ(first, static_cast<float>(std::sqrt(2.0 / 1.0001 / 54.0) * random.Normal()));
}

TEST(NetworkSpecTest, GridFactorIsOnePowerOfTwoAStage) {
  NetworkSpec spec;
  EXPECT_EQ(spec.GridFactor(), 8);
  spec.features = {4, 8};
  EXPECT_EQ(spec.GridFactor(), 2);
}

TEST(NetworkSpecTest, ValidateNamesTheField) {
  const auto refused = [](std::string_view words, auto change) {
    NetworkSpec spec;
    change(spec);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { LayoutOf(spec); });
  };
  refused("network.features names 1 stages", [](NetworkSpec& s) { s.features = {16}; });
  refused("network.features names 9 stages", [](NetworkSpec& s) { s.features.assign(9, 4); });
  refused("network.features is 0; it must lie between 1 and 1024", [](NetworkSpec& s) { s.features = {16, 0}; });
  refused("network.features is 1000000000000", [](NetworkSpec& s) { s.features = {16, 1'000'000'000'000}; });
  refused("network.classes is 1", [](NetworkSpec& s) { s.classes = 1; });
  refused("network.input_channels is -2", [](NetworkSpec& s) { s.input_channels = -2; });
  refused("network.convs_per_stage is 9", [](NetworkSpec& s) { s.convs_per_stage = 9; });
}

}  // namespace
}  // namespace consilium
