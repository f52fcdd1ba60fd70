// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Filled contours against shapes whose inside is a formula.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "imaging/dicom/rtstruct_reader.h"

namespace consilium {
namespace {

constexpr double kPi = std::numbers::pi;
using Contour = std::vector<Vec3>;  // x, y in voxels of a slice

// One slice of 64 x 48 voxels that is oblique and anisotropic, as index space sees it: contours are given in indices.
Geometry Grid() {
  const double half = std::sqrt(0.5);
  return {{64, 48, 2},
          {0.9765625, 2.3, 3.27},
          {-210.7, 33.3, -418.9},
          {{{half, half, 0}, {-0.6 * half, 0.6 * half, 0.8}, {0.8 * half, -0.8 * half, 0.6}}}};
}

LabelMap Fill(const std::vector<Contour>& contours, const Geometry& grid = Grid()) {
  RtStruct s;
  s.file = "x.dcm";
  s.rois = {{"GTV", {}}};
  for (const Contour& contour : contours) {
    s.rois[0].contours.emplace_back();
    for (const Vec3 p : contour) s.rois[0].contours.back().push_back(grid.IndexToPoint({p.x, p.y, 1}));
  }
  return ToLabelMap(s, "GTV", grid);
}

// Every voxel of slice 1 is what the formula says, and slice 0 is empty.
void ExpectInside(const LabelMap& map, const std::function<bool(double x, double y)>& inside) {
  const Size3 size = map.geometry.size;
  std::int64_t wrong = 0, expected = 0;
  for (std::int64_t j = 0; j < size.y; ++j) {
    for (std::int64_t i = 0; i < size.x; ++i) {
      const bool in = inside(static_cast<double>(i), static_cast<double>(j));
      expected += in;
      wrong += (map.voxels[static_cast<std::size_t>(map.geometry.Offset(i, j, 1))] == 1) != in;
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(expected, 0);
  EXPECT_EQ(map.CountNonZero(), expected) << "slice 0 is not empty";
}

// Radius of an n-pointed outline at an angle: points lie at `outer` and `inner` in turn, joined by straight lines.
double StarRadius(double angle, int points, double outer, double inner) {
  const double sector = kPi / points;
  double a = std::fmod(angle, 2 * sector);
  if (a < 0) a += 2 * sector;
  const double r0 = a < sector ? outer : inner, r1 = a < sector ? inner : outer;
  const double t = a < sector ? a : a - sector;
  // The line from (r0, 0) to r1 at `sector`, in polar form.
  return r0 * r1 * std::sin(sector) / (r0 * std::sin(t) + r1 * std::sin(sector - t));
}

Contour Star(double x, double y, int points, double outer, double inner) {
  Contour out;
  for (int n = 0; n < 2 * points; ++n) {
    const double angle = n * kPi / points, r = n % 2 == 0 ? outer : inner;
    out.push_back({x + r * std::cos(angle), y + r * std::sin(angle), 0});
  }
  return out;
}

Contour Box(double x0, double y0, double x1, double y1) { return {{x0, y0, 0}, {x1, y0, 0}, {x1, y1, 0}, {x0, y1, 0}}; }

bool In(double v, double low, double high) { return low <= v && v < high; }

TEST(ContourFill, ACircleIsACircleToAHundredthOfAVoxel) {
  for (const double radius : {0.8, 3.21, 11.37, 20.05}) {
    const double x = 31.23, y = 22.71;
    // With 720 points the chord stays within 2e-4 voxels of the arc; no centre lies so near to these circles.
    const LabelMap map = Fill({Star(x, y, 360, radius, radius)});
    ExpectInside(map, [&](double i, double j) {
      const double r = std::hypot(i - x, j - y);
      EXPECT_GT(std::abs(r - radius), 2e-4);
      return r < radius;
    });
  }
}

TEST(ContourFill, AStarWithAHole) {
  const double x = 30.4, y = 24.3;
  const auto inside = [&](double i, double j, int points, double outer, double inner) {
    return std::hypot(i - x, j - y) < StarRadius(std::atan2(j - y, i - x), points, outer, inner);
  };
  const LabelMap map = Fill({Star(x, y, 7, 22.3, 9.1), Star(x, y, 5, 6.2, 2.6)});
  ExpectInside(map, [&](double i, double j) { return inside(i, j, 7, 22.3, 9.1) && !inside(i, j, 5, 6.2, 2.6); });
}

TEST(ContourFill, OverlappingContoursAreExclusiveOr) {
  const LabelMap map = Fill({Box(5.5, 5.5, 30.5, 25.5), Box(20.5, 15.5, 45.5, 40.5)});
  ExpectInside(map, [](double i, double j) {
    return (In(i, 5.5, 30.5) && In(j, 5.5, 25.5)) != (In(i, 20.5, 45.5) && In(j, 15.5, 40.5));
  });
}

TEST(ContourFill, TheCutOfAKeyholeDoesNotShow) {
  // Out from the outer outline along a cut to the hole, round it the other way, and back along the same cut: once on
  // a column of centres, once on a row, once askew.
  const auto ring = [](double i, double j) {
    return In(i, 4, 40) && In(j, 4, 40) && !(In(i, 15, 29) && In(j, 15, 30));
  };
  const Contour down = {{4, 4, 0},   {20, 4, 0},  {20, 15, 0}, {15, 15, 0}, {15, 30, 0}, {29, 30, 0},
                        {29, 15, 0}, {20, 15, 0}, {20, 4, 0},  {40, 4, 0},  {40, 40, 0}, {4, 40, 0}};
  const Contour across = {{4, 4, 0},   {40, 4, 0},  {40, 40, 0}, {4, 40, 0},  {4, 20, 0},  {15, 20, 0},
                          {15, 30, 0}, {29, 30, 0}, {29, 15, 0}, {15, 15, 0}, {15, 20, 0}, {4, 20, 0}};
  const Contour askew = {{4, 4, 0},   {15, 15, 0}, {15, 30, 0}, {29, 30, 0}, {29, 15, 0},
                         {15, 15, 0}, {4, 4, 0},   {40, 4, 0},  {40, 40, 0}, {4, 40, 0}};
  for (const Contour& keyhole : {down, across, askew}) ExpectInside(Fill({keyhole}), ring);
}

TEST(ContourFill, OnCentresAsManyVoxelsAsTheAreaSays) {
  ExpectInside(Fill({Box(2, 2, 7, 6)}), [](double i, double j) { return In(i, 2, 7) && In(j, 2, 6); });
  EXPECT_EQ(Fill({Box(2, 2, 7, 6)}).CountNonZero(), 20);
  // Drawn the other way round, and from another corner.
  Contour other = Box(2, 2, 7, 6);
  std::reverse(other.begin(), other.end());
  std::rotate(other.begin(), other.begin() + 1, other.end());
  EXPECT_EQ(Fill({other}).voxels, Fill({Box(2, 2, 7, 6)}).voxels);
  // A diamond on the centres: its area is 2 * 5 * 5.
  EXPECT_EQ(Fill({{{20, 15, 0}, {25, 20, 0}, {20, 25, 0}, {15, 20, 0}}}).CountNonZero(), 50);
}

TEST(ContourFill, NeighboursLeaveNeitherSeamNorOverlap) {
  const LabelMap both = Fill({Box(2, 2, 7, 6), Box(7, 2, 11, 6), Box(2, 6, 11, 9)});
  ExpectInside(both, [](double i, double j) { return In(i, 2, 11) && In(j, 2, 9); });
}

TEST(ContourFill, TheLastBitsOfACentreDecideNothing) {
  const LabelMap exact = Fill({Box(2, 2, 7, 6)});
  for (const double noise : {-3e-7, 3e-7}) {
    Contour shifted = Box(2, 2, 7, 6);
    for (std::size_t n = 0; n < shifted.size(); ++n) {
      shifted[n].x += n % 2 == 0 ? noise : -noise;
      shifted[n].y += n < 2 ? noise : -noise;
    }
    EXPECT_EQ(Fill({shifted}).voxels, exact.voxels) << noise;
  }
}

TEST(ContourFill, WhatLiesBesideTheGridIsCutOff) {
  ExpectInside(Fill({Box(-1e5, 10.5, 5.5, 1e5)}), [](double i, double j) { return i < 5.5 && j > 10.5; });
  ExpectInside(Fill({Box(60.5, -9, 1e4, 3.5)}), [](double i, double j) { return i > 60.5 && j < 3.5; });
}

}  // namespace
}  // namespace consilium
