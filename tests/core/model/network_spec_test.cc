// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/network_spec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

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
  spec.architecture = network.value("architecture", spec.architecture);
  spec.blocks_per_stage = network.value("blocks", std::vector<std::int64_t>());
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
      const double constant = expected.value("constant", -1.0);
      EXPECT_EQ(layout[i].init == InitRule::kKaimingNormal, expected.contains("sd")) << layout[i].name;
      EXPECT_EQ(layout[i].init == InitRule::kUniform, expected.contains("bound")) << layout[i].name;
      EXPECT_EQ(layout[i].init == InitRule::kOne, constant == 1) << layout[i].name;
      EXPECT_EQ(layout[i].init == InitRule::kZero, constant == 0) << layout[i].name;
    }
  }
}

std::int64_t CountOf(const NetworkSpec& spec) {
  std::int64_t sum = 0;
  for (const auto& array : LayoutOf(spec)) {
    sum += std::accumulate(array.shape.begin(), array.shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  return sum;
}

TEST(NetworkSpecTest, ParameterCountsAreThePublishedOnes) {
  EXPECT_EQ(CountOf({.features = {32, 64, 128, 256, 320, 320}}), 31'196'458);
  EXPECT_EQ(CountOf({.features = {32, 64, 128, 256, 320}}), 16'548'456);
  EXPECT_EQ(CountOf({.features = {32, 64, 128, 256}}), 5'603'814);
  NetworkSpec spec{.architecture = "res_enc_unet", .features = {32, 64, 128, 256, 320, 320}, .convs_per_stage = 1};
  EXPECT_EQ(CountOf(spec), 102'350'634);
  spec.features.pop_back();
  EXPECT_EQ(CountOf(spec), 62'810'792);
  spec = {.architecture = "seg_res_net", .deep_supervision = false};
  for (const auto& [first, count] : {std::pair{8, 1'176'186}, std::pair{16, 4'701'346}, std::pair{32, 18'796'866}}) {
    spec.input_channels = first == 8 ? 1 : 2;
    spec.features = {first, 2 * first, 4 * first, 8 * first};
    EXPECT_EQ(CountOf(spec), count);
  }
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
      } else if (expected.contains("bound")) {
        // Uniform between -b and b: sd b / sqrt(3), and nothing beyond. Its relative standard error is below a
        // normal's.
        const auto bound = expected["bound"].get<double>(), n = static_cast<double>(array.values.size());
        EXPECT_NEAR(Spread(array.values) / (bound / std::sqrt(3.0)), 1.0, 5.0 / std::sqrt(2.0 * n)) << array.name;
        const auto [low, high] = std::minmax_element(array.values.begin(), array.values.end());
        EXPECT_LE(std::max(-double{*low}, double{*high}), bound * (1 + 1e-6)) << array.name;
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
  refused("network.architecture is `unet`; it must be plain_conv_unet, res_enc_unet or seg_res_net",
          [](NetworkSpec& s) { s.architecture = "unet"; });
}

// What an architecture leaves no choice in is refused, not ignored.
TEST(NetworkSpecTest, AKeyThatTheArchitectureDoesNotUseIsRefused) {
  const auto refused = [](std::string_view architecture, std::string_view words, auto change) {
    NetworkSpec spec;
    spec.architecture = architecture;
    spec.deep_supervision = architecture != "seg_res_net";
    EXPECT_NO_THROW(LayoutOf(spec));
    change(spec);
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { LayoutOf(spec); });
  };
  const auto blocks = [](std::vector<std::int64_t> values) {
    return [values](NetworkSpec& s) { s.blocks_per_stage = values; };
  };
  refused("plain_conv_unet", "network.blocks_per_stage is given, and plain_conv_unet has no residual blocks",
          blocks({1, 1, 1, 1}));
  refused("res_enc_unet", "network.blocks_per_stage names 3 stages, network.features 4", blocks({1, 1, 1}));
  refused("res_enc_unet", "network.blocks_per_stage is 17", blocks({1, 1, 17, 1}));
  refused("seg_res_net", "network.features begins with 12; seg_res_net needs a multiple of 8", [](NetworkSpec& s) {
    s.features = {12, 24};
  });
  refused("seg_res_net", "network.features is 48 after 32; seg_res_net doubles them", [](NetworkSpec& s) {
    s.features = {16, 32, 48};
  });
  refused("seg_res_net", "network.convs_per_stage is 1; a residual block of seg_res_net has 2",
          [](NetworkSpec& s) { s.convs_per_stage = 1; });
  refused("seg_res_net", "network.deep_supervision is true; seg_res_net has one output",
          [](NetworkSpec& s) { s.deep_supervision = true; });
}

TEST(NetworkSpecTest, BlocksAreTheReferencesWhereThePlanNamesNone) {
  const std::vector<std::int64_t> six = {8, 16, 32, 64, 128, 256};
  using Numbers = std::vector<std::int64_t>;
  EXPECT_EQ((NetworkSpec{.features = six}.Blocks()), Numbers());
  EXPECT_EQ((NetworkSpec{.architecture = "res_enc_unet", .features = six}.Blocks()), Numbers({1, 3, 4, 6, 6, 6}));
  EXPECT_EQ((NetworkSpec{.architecture = "res_enc_unet", .features = {8, 8}}.Blocks()), Numbers({1, 3}));
  EXPECT_EQ((NetworkSpec{.architecture = "seg_res_net"}.Blocks()), Numbers({1, 2, 2, 4}));
  EXPECT_EQ((NetworkSpec{.architecture = "seg_res_net", .blocks_per_stage = {1, 1, 1, 2}}.Blocks()),
            Numbers({1, 1, 1, 2}));
}

}  // namespace
}  // namespace consilium
