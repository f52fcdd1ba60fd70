// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/geometry.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"

namespace consilium {
namespace {

void ExpectNear(Vec3 a, Vec3 b, double tolerance) {
  EXPECT_NEAR(a.x, b.x, tolerance);
  EXPECT_NEAR(a.y, b.y, tolerance);
  EXPECT_NEAR(a.z, b.z, tolerance);
}

TEST(GeometryTest, IndexZeroIsTheOriginAndAxesScale) {
  Geometry g{{10, 20, 30}, {1, 2, 3}, {-5, 6, 7}, {}};
  g.direction = {{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}};
  ExpectNear(g.IndexToPoint({0, 0, 0}), {-5, 6, 7}, 0);
  ExpectNear(g.IndexToPoint({1, 1, 1}), {-2, 7, 9}, 0);
  EXPECT_EQ(g.Offset(1, 2, 3), 1 + 10 * (2 + 20 * 3));
  EXPECT_DOUBLE_EQ(g.VoxelVolumeMl(), 0.006);
}

TEST(GeometryTest, PointToIndexIsTheInverseForShearedGridsToo) {
  Random random(1);
  for (int trial = 0; trial < 200; ++trial) {
    Geometry g;
    g.spacing_mm = {random.Uniform(0.5, 4), random.Uniform(0.5, 4), random.Uniform(0.5, 4)};
    g.origin_mm = {random.Uniform(-500, 500), random.Uniform(-500, 500), random.Uniform(-500, 500)};
    const double tilt = random.Uniform(-0.5, 0.5);
    g.direction = {{{1, 0, 0}, {0, std::cos(tilt), std::sin(tilt)}, {0, 0, 1}}};
    const Vec3 index{random.Uniform(0, 100), random.Uniform(0, 100), random.Uniform(0, 100)};
    ExpectNear(g.PointToIndex(g.IndexToPoint(index)), index, 1e-9);
  }
}

TEST(GeometryTest, AShearedVoxelIsSmaller) {
  Geometry g;
  g.direction = {{{1, 0, 0}, {0, 0.6, 0.8}, {0, 0, 1}}};
  EXPECT_DOUBLE_EQ(g.VoxelVolumeMl(), 0.0006);
}

TEST(GeometryTest, SameGridLooksAtTheCorners) {
  const Geometry g{{100, 100, 100}, {1, 1, 1}, {0, 0, 0}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  Geometry other = g;
  EXPECT_TRUE(SameGrid(g, other));
  other.spacing_mm.z = 1.00002;  // 0.002 mm at the far corner
  EXPECT_FALSE(SameGrid(g, other));
  EXPECT_TRUE(SameGrid(g, other, 0.01));
  other = g;
  other.size.x = 99;
  EXPECT_FALSE(SameGrid(g, other, 1e9));
}

TEST(GeometryTest, CrossIsRightHanded) {
  ExpectNear(Cross({1, 0, 0}, {0, 1, 0}), {0, 0, 1}, 0);
  EXPECT_EQ(Norm({2, 3, 6}), 7);
}

}  // namespace
}  // namespace consilium
