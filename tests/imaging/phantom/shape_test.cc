// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/shape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/base/random.h"

namespace consilium {
namespace {

Shape Lobed() { return {ShapeKind::kEllipsoid, {10, -5, 20}, {15, 10, 12}, 3, 0.2, 0.7}; }

double PolygonArea(const std::vector<Vec3>& outline) {
  double area = 0;
  for (std::size_t i = 0; i < outline.size(); ++i) {
    const Vec3& a = outline[i];
    const Vec3& b = outline[(i + 1) % outline.size()];
    area += 0.5 * (a.x * b.y - b.x * a.y);
  }
  return area;
}

TEST(Shape, VolumesOfSphereAndColumnAreTheTextbooks) {
  const Shape sphere{ShapeKind::kEllipsoid, {}, {10, 10, 10}, 0, 0, 0};
  EXPECT_NEAR(sphere.VolumeMl(), 4.0 / 3.0 * std::numbers::pi, 1e-12);
  const Shape column{ShapeKind::kColumn, {}, {10, 20, 30}, 0, 0, 0};
  EXPECT_NEAR(column.VolumeMl(), std::numbers::pi * 10 * 20 * 60 / 1000, 1e-12);
}

TEST(Shape, VolumeOfALobedShapeIsWhatRandomPointsFind) {
  const Shape shape = Lobed();
  const Vec3 half = shape.HalfExtentMm();
  Random random(1);
  const int points = 400000;
  int inside = 0;
  for (int i = 0; i < points; ++i) {
    const Vec3 at{shape.centre_mm.x + half.x * random.Uniform(-1, 1),
                  shape.centre_mm.y + half.y * random.Uniform(-1, 1),
                  shape.centre_mm.z + half.z * random.Uniform(-1, 1)};
    inside += shape.Contains(at) ? 1 : 0;
  }
  const double box_ml = 8 * half.x * half.y * half.z / 1000;
  EXPECT_NEAR(box_ml * inside / points, shape.VolumeMl(), 0.01 * shape.VolumeMl());  // sampling error 0.2 %
}

TEST(Shape, OutlineLiesOnTheBorder) {
  const Shape shape = Lobed();
  const auto outline = shape.Outline(24, 50);
  ASSERT_EQ(outline.size(), 50U);
  for (const Vec3& point : outline) {
    const Vec3 axis{shape.centre_mm.x, shape.centre_mm.y, 24};
    EXPECT_EQ(point.z, 24);
    EXPECT_TRUE(shape.Contains(axis + 0.999 * (point - axis)));
    EXPECT_FALSE(shape.Contains(axis + 1.001 * (point - axis)));
  }
}

TEST(Shape, OutlinesStackedUpHaveTheShapesVolume) {
  const Shape shape = Lobed();
  double volume_ml = 0;
  for (double z = shape.centre_mm.z - 12.25; z < shape.centre_mm.z + 13; z += 0.5) {
    volume_ml += PolygonArea(shape.Outline(z, 256)) * 0.5 / 1000;  // positive area: counter-clockwise
  }
  EXPECT_NEAR(volume_ml, shape.VolumeMl(), 0.002 * shape.VolumeMl());
}

TEST(Shape, NoOutlineBeyondTheEnds) {
  EXPECT_TRUE(Lobed().Outline(33, 64).empty());
  EXPECT_TRUE(Lobed().Outline(7, 64).empty());
  const Shape column{ShapeKind::kColumn, {}, {10, 20, 30}, 0, 0, 0};
  EXPECT_EQ(column.Outline(29, 8).size(), 8U);
  EXPECT_TRUE(column.Outline(31, 8).empty());
}

TEST(Shape, ScaledKeepsCentreAndMultipliesVolumeByTheCube) {
  const Shape half = Scaled(Lobed(), 0.5);
  EXPECT_EQ(half.centre_mm, Lobed().centre_mm);
  EXPECT_NEAR(half.VolumeMl(), Lobed().VolumeMl() / 8, 1e-12);
}

}  // namespace
}  // namespace consilium
