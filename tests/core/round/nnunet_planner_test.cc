// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// nnU-Net's own planner is the judge: tools/oracles/planner.py.
#include "core/round/nnunet_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/expect_error.h"

namespace consilium {
namespace {

const nlohmann::json& Oracle() {
  static const nlohmann::json json =
      nlohmann::json::parse(std::ifstream(CONSILIUM_TESTS_DIR "/core/oracles/planner.json"));
  return json;
}

NetworkWish WishOf(const nlohmann::json& from) {
  NetworkWish wish;
  wish.architecture = from.at("architecture").get<std::string>();
  wish.input_channels = from.at("channels").get<std::int64_t>();
  wish.classes = from.at("classes").get<std::int64_t>();
  wish.first_features = from.at("first_features").get<std::int64_t>();
  wish.memory_gb = from.at("memory_gb").get<double>();
  wish.spacing_mm = from.at("spacing").get<Axes>();
  wish.median_shape = from.at("median_shape").get<Axes>();
  wish.dataset_voxels = from.at("dataset_voxels").get<double>();
  return wish;
}

void ExpectSame(const PlannedNetwork& planned, const nlohmann::json& oracle) {
  EXPECT_EQ(planned.topology.patch, oracle.at("patch").get<Edges>()) << oracle;
  EXPECT_EQ(planned.topology.strides, oracle.at("strides").get<std::vector<Edges>>()) << oracle;
  EXPECT_EQ(planned.topology.kernels, oracle.at("kernels").get<std::vector<Edges>>()) << oracle;
  EXPECT_EQ(planned.features, oracle.at("features").get<std::vector<std::int64_t>>()) << oracle;
  EXPECT_EQ(planned.batch, oracle.at("batch").get<std::int64_t>()) << oracle;
}

TEST(NnUnetPlanner, NetworksAreNnUnets) {
  ASSERT_GE(Oracle().at("networks").size(), 40u);
  for (const auto& oracle : Oracle().at("networks")) ExpectSame(PlanNetwork(WishOf(oracle)), oracle);
}

TEST(NnUnetPlanner, CubesAreWeighedAsNnUnetWeighs) {
  ASSERT_GE(Oracle().at("cubes").size(), 20u);
  for (const auto& oracle : Oracle().at("cubes")) {
    NetworkWish wish = WishOf(oracle);
    wish.cube = true;
    const PlannedNetwork planned = PlanNetwork(wish);
    ExpectSame(planned, oracle);
    const std::int64_t factor = std::int64_t{1} << (planned.features.size() - 1);
    EXPECT_EQ(planned.topology.patch[0] % factor, 0) << oracle;
    EXPECT_EQ(planned.topology.patch[0], planned.topology.patch[2]) << oracle;
  }
}

// numpy.percentile's linear interpolation.
double Percentile(std::vector<double> values, double percent) {
  std::sort(values.begin(), values.end());
  const double at = percent / 100 * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const double above = values[std::min(low + 1, values.size() - 1)];
  return values[low] + (at - static_cast<double>(low)) * (above - values[low]);
}

TEST(NnUnetPlanner, TargetSpacingIsNnUnets) {
  int anisotropic = 0;
  for (const auto& oracle : Oracle().at("data_sets")) {
    SpacingFacts facts;
    for (std::size_t d = 0; d < 3; ++d) {
      std::vector<double> spacings, voxels;
      for (const auto& spacing : oracle.at("spacings")) spacings.push_back(spacing.at(d).get<double>());
      for (const auto& shape : oracle.at("shapes")) voxels.push_back(shape.at(d).get<double>());
      facts.median_mm[d] = Percentile(spacings, 50);
      facts.tenth_mm[d] = Percentile(spacings, 10);
      facts.median_voxels[d] = Percentile(voxels, 50);
    }
    const Axes target = TargetSpacing(facts), theirs = oracle.at("target").get<Axes>();
    for (std::size_t d = 0; d < 3; ++d) EXPECT_NEAR(target[d], theirs[d], 1e-9) << oracle.at("target");
    anisotropic += target != facts.median_mm;
  }
  EXPECT_GE(anisotropic, 5) << "the oracle holds slabs of thick slices";
}

TEST(NnUnetPlanner, TheCoarseAxisIsNeverFinerThanTheOthers) {
  const SpacingFacts facts{{7, 2, 1.5}, {1, 1, 1}, {20, 256, 200}};
  EXPECT_EQ(TargetSpacing(facts), (Axes{2 + 1e-5, 2, 1.5}));
  EXPECT_EQ(TargetSpacing({{6, 2, 1.5}, {1, 1, 1}, {20, 256, 200}}), (Axes{6, 2, 1.5})) << "just three times";
  EXPECT_EQ(TargetSpacing({{7, 2, 1.5}, {1, 1, 1}, {70, 256, 200}}), (Axes{7, 2, 1.5})) << "many slices";
}

TEST(NnUnetPlanner, WhatCannotBePlannedIsRefused) {
  NetworkWish wish;
  wish.spacing_mm = {2, 2, 2};
  wish.median_shape = {100, 100, 100};
  wish.dataset_voxels = 1e7;
  PlanNetwork(wish);
  const auto refused = [&](ErrorCode code, const std::string& words, auto change) {
    NetworkWish bad = wish;
    change(bad);
    ExpectError(code, words, [&] { PlanNetwork(bad); });
  };
  refused(ErrorCode::kInvalidArgument, "no planner for the network `seg_res_net`",
          [](NetworkWish& w) { w.architecture = "seg_res_net"; });
  refused(ErrorCode::kInvalidArgument, "spacing above 0 mm", [](NetworkWish& w) { w.spacing_mm[1] = 0; });
  refused(ErrorCode::kInvalidArgument, "at least a voxel", [](NetworkWish& w) { w.median_shape[2] = NAN; });
  refused(ErrorCode::kInvalidArgument, "memory above 0 GB", [](NetworkWish& w) { w.memory_gb = -1; });
  refused(ErrorCode::kInvalidArgument, "at least one feature", [](NetworkWish& w) { w.first_features = 0; });
  refused(ErrorCode::kResourceExhausted, "no patch of a network fits", [](NetworkWish& w) { w.memory_gb = 1e-9; });
}

}  // namespace
}  // namespace consilium
