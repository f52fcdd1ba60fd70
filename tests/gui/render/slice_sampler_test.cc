// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/slice_sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace consilium {
namespace {

Vec3 VecOf(const nlohmann::json& json, std::size_t at = 0) {
  return {json[at].get<double>(), json[at + 1].get<double>(), json[at + 2].get<double>()};
}

// The volume of tools/oracles/slices.py.
Volume OracleVolume(const nlohmann::json& oracle) {
  Volume volume;
  volume.geometry.size = {11, 9, 7};
  volume.geometry.spacing_mm = VecOf(oracle["spacing"]);
  volume.geometry.origin_mm = VecOf(oracle["origin"]);
  for (std::size_t axis = 0; axis < 3; ++axis) volume.geometry.direction[axis] = VecOf(oracle["direction"], 3 * axis);
  volume.slope = oracle["slope"].get<std::vector<float>>();
  volume.intercept = oracle["intercept"].get<std::vector<float>>();
  for (int k = 0; k < 7; ++k)
    for (int j = 0; j < 9; ++j)
      for (int i = 0; i < 11; ++i)
        volume.voxels.push_back(static_cast<std::int16_t>((7 * i + 13 * j + 29 * k + i * j * k) % 1000));
  return volume;
}

TEST(SliceSampler, AgreesWithScipyOnObliqueAndAlignedPlanes) {
  std::ifstream file(std::string(CONSILIUM_TEST_DIR) + "/oracles/slices.json");
  ASSERT_TRUE(file) << "the oracle's file is missing";
  const nlohmann::json oracles = nlohmann::json::parse(file);
  ASSERT_EQ(oracles.size(), 4U);
  for (const auto& [name, oracle] : oracles.items()) {
    const Volume volume = OracleVolume(oracle);
    const SlicePlane plane{VecOf(oracle["plane_origin"]), VecOf(oracle["across"]), VecOf(oracle["down"]),
                           oracle["width"].get<int>(), oracle["height"].get<int>()};
    const auto expected = oracle["values"].get<std::vector<double>>();
    std::vector<float> values(expected.size());
    SampleSlice(volume, plane, values);
    int inside = 0;
    for (std::size_t p = 0; p < values.size(); ++p) {
      if (expected[p] < -1e29) {
        EXPECT_EQ(values[p], kOutside) << name << " pixel " << p;
        continue;
      }
      ++inside;
      EXPECT_NEAR(static_cast<double>(values[p]), expected[p], 2e-3) << name << " pixel " << p;  // float, values to 900
    }
    EXPECT_GT(inside, 100) << name;
  }
}

TEST(SliceSampler, ALabelIsWholeInItsVoxelAndHalfAtItsEdge) {
  LabelMap map;
  map.geometry.size = {4, 4, 2};
  map.geometry.spacing_mm = {2, 2, 2};
  map.voxels.assign(32, 0);
  map.voxels[static_cast<std::size_t>(map.geometry.Offset(1, 1, 0))] = 3;
  map.voxels[static_cast<std::size_t>(map.geometry.Offset(2, 1, 0))] = 5;
  const SlicePlane plane{{0, 2, 0}, {1, 0, 0}, {0, 1, 0}, 9, 1};
  std::vector<float> values(9);
  SampleLabel(map, 0, plane, values);
  EXPECT_EQ(values, (std::vector<float>{0, 0.5F, 1, 1, 1, 0.5F, 0, 0, kOutside}));
  SampleLabel(map, 5, plane, values);
  EXPECT_EQ(values, (std::vector<float>{0, 0, 0, 0.5F, 1, 0.5F, 0, 0, kOutside}));
}

TEST(SliceSampler, ABufferOfAnotherSizeIsRefused) {
  LabelMap map;
  map.geometry.size = {1, 1, 1};
  map.voxels = {1};
  std::vector<float> values(3);
  EXPECT_THROW(SampleLabel(map, 0, SlicePlane{{}, {1, 0, 0}, {0, 1, 0}, 2, 2}, values), std::runtime_error);
}

}  // namespace
}  // namespace consilium
