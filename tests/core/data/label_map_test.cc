// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/label_map.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "core/data/volume.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

TEST(LabelMapTest, RunsRoundTrip) {
  Random random(2);
  LabelMap map;
  map.geometry.size = {7, 5, 3};
  for (int i = 0; i < 105; ++i) map.voxels.push_back(static_cast<std::uint8_t>(random.Integer(0, 2)));
  const LabelMap back = Decode(Encode(map));
  EXPECT_EQ(back.voxels, map.voxels);
  EXPECT_EQ(back.geometry, map.geometry);
}

TEST(LabelMapTest, EqualNeighboursAreOneRun) {
  LabelMap map;
  map.geometry.size = {6, 1, 1};
  map.voxels = {0, 0, 0, 2, 2, 0};
  using Run = RunLengthLabelMap::Run;
  EXPECT_EQ(Encode(map).runs, (std::vector<Run>{{3, 0}, {2, 2}, {1, 0}}));
  EXPECT_EQ(map.CountNonZero(), 2);
}

TEST(LabelMapTest, RunsThatDoNotFitAreRefusedBeforeAllocating) {
  RunLengthLabelMap runs;
  runs.geometry.size = {2, 2, 1};
  runs.runs = {{3, 0}};
  ExpectError(ErrorCode::kDataLoss, "covers 3 voxels, its grid has 4", [&] { Decode(runs); });
  runs.runs.assign(1000, {4'000'000'000u, 1});
  ExpectError(ErrorCode::kDataLoss, "covers 4000000000000 voxels", [&] { Decode(runs); });
}

TEST(VolumeTest, ValueUsesTheSlicesOwnSlope) {
  Volume volume;
  volume.geometry.size = {1, 1, 2};
  volume.voxels = {10, 10};
  volume.slope = {0.5f, 2};
  volume.intercept = {1, -1};
  EXPECT_EQ(volume.Value(0, 0, 0), 6);
  EXPECT_EQ(volume.Value(0, 0, 1), 19);
}

}  // namespace
}  // namespace consilium
