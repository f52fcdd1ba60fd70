// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/slice_plane.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "gui/render/slice_engine.h"

namespace consilium {
namespace {

// A box of 30 x 20 x 24 mm, stored in one of the 48 ways: which patient axis each index axis follows, and its sense.
struct Storage {
  std::array<int, 3> axis{0, 1, 2};
  int senses = 0;  // bit a: index axis a runs against its patient axis
};

std::vector<Storage> AllStorages() {
  std::vector<Storage> all;
  std::array<int, 3> axis{0, 1, 2};
  do {
    for (int senses = 0; senses < 8; ++senses) all.push_back({axis, senses});
  } while (std::next_permutation(axis.begin(), axis.end()));
  return all;
}

constexpr std::array<double, 3> kBoxMm{30, 20, 24};
constexpr std::array<double, 3> kSpacingMm{1, 2, 3};  // along the patient's x, y, z

Vec3 Axis(int axis, double sign) { return {axis == 0 ? sign : 0, axis == 1 ? sign : 0, axis == 2 ? sign : 0}; }

Geometry GridOf(const Storage& storage) {
  Geometry grid;
  std::array<std::int64_t, 3> sizes{};
  std::array<double, 3> spacings{}, origin{};
  for (std::size_t a = 0; a < 3; ++a) {
    const auto patient = static_cast<std::size_t>(storage.axis[a]);
    const bool against = (storage.senses >> a & 1) != 0;
    spacings[a] = kSpacingMm[patient];
    sizes[a] = std::llround(kBoxMm[patient] / kSpacingMm[patient]);
    grid.direction[a] = Axis(storage.axis[a], against ? -1 : 1);
    origin[patient] = against ? kBoxMm[patient] - kSpacingMm[patient] : 0;
  }
  grid.size = {sizes[0], sizes[1], sizes[2]};
  grid.spacing_mm = {spacings[0], spacings[1], spacings[2]};
  grid.origin_mm = {origin[0], origin[1], origin[2]};
  return grid;
}

// Body at 100, air at 0; markers on the patient's left (1000), back (2000) and head (3000) side; asymmetric in all.
Volume MarkedVolume(const Storage& storage) {
  Volume volume;
  volume.geometry = GridOf(storage);
  const Geometry& grid = volume.geometry;
  volume.voxels.resize(static_cast<std::size_t>(grid.size.count()));
  volume.slope.assign(static_cast<std::size_t>(grid.size.z), 1.0F);
  volume.intercept.assign(static_cast<std::size_t>(grid.size.z), 0.0F);
  for (std::int64_t k = 0; k < grid.size.z; ++k)
    for (std::int64_t j = 0; j < grid.size.y; ++j)
      for (std::int64_t i = 0; i < grid.size.x; ++i) {
        const Vec3 p = grid.IndexToPoint({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        std::int16_t value = 100;
        if (p.x > 22) value = 1000;
        if (p.y > 14 && p.x <= 22) value = 2000;
        if (p.z > 16 && p.x <= 22 && p.y <= 14) value = 3000;
        volume.voxels[static_cast<std::size_t>(grid.Offset(i, j, k))] = value;
      }
  return volume;
}

// A crop of the engine's own picture: what a reader sees at a place given in parts of the picture.
int Seen(const QImage& picture, double x, double y) {
  return qRed(picture.pixel(static_cast<int>(x * picture.width()), static_cast<int>(y * picture.height())));
}

QImage Picture(const Volume& volume, SliceView view) {
  const Geometry& grid = volume.geometry;
  PlaneRequest request;
  request.view = view;
  request.cursor_mm = {14, 8, 12};
  request.centre_mm = CentreOf(grid);
  request.width = view == SliceView::kSagittal ? 40 : 60;
  request.height = view == SliceView::kAxial ? 40 : 48;
  request.mm_per_pixel = 0.5;
  SliceScene scene;
  scene.images.push_back({&volume, {0, 4000}, {}});
  return SliceEngine().Render(scene, PlaneOf(grid, request));
}

class AxisOrders : public ::testing::TestWithParam<int> {};

TEST_P(AxisOrders, LeftIsOnTheRightOfTheScreenAndLabelledLeft) {
  const Volume volume = MarkedVolume(AllStorages()[static_cast<std::size_t>(GetParam())]);
  const int body = 6, left = 64, back = 128, head = 191;  // 255 * value / 4000, rounded

  const QImage axial = Picture(volume, SliceView::kAxial);
  EXPECT_EQ(Seen(axial, 0.95, 0.3), left);
  EXPECT_EQ(Seen(axial, 0.05, 0.3), body);
  EXPECT_EQ(Seen(axial, 0.3, 0.95), back);
  const QImage coronal = Picture(volume, SliceView::kCoronal);
  EXPECT_EQ(Seen(coronal, 0.95, 0.6), left);
  EXPECT_EQ(Seen(coronal, 0.3, 0.05), head);
  EXPECT_EQ(Seen(coronal, 0.3, 0.95), body);
  const QImage sagittal = Picture(volume, SliceView::kSagittal);
  EXPECT_EQ(Seen(sagittal, 0.95, 0.6), back);
  EXPECT_EQ(Seen(sagittal, 0.3, 0.05), head);
  EXPECT_EQ(Seen(sagittal, 0.05, 0.95), body);

  PlaneRequest request{SliceView::kAxial, {14, 8, 12}, CentreOf(volume.geometry), 0.5, 60, 40};
  const SlicePlane plane = PlaneOf(volume.geometry, request);
  EXPECT_EQ(OrientationLetters(plane.across_mm), "L");
  EXPECT_EQ(OrientationLetters(-1.0 * plane.across_mm), "R");
  EXPECT_EQ(OrientationLetters(plane.down_mm), "P");
  request.view = SliceView::kCoronal;
  EXPECT_EQ(OrientationLetters(PlaneOf(volume.geometry, request).across_mm), "L");
  EXPECT_EQ(OrientationLetters(PlaneOf(volume.geometry, request).down_mm), "F");
  request.view = SliceView::kSagittal;
  EXPECT_EQ(OrientationLetters(PlaneOf(volume.geometry, request).across_mm), "P");
  EXPECT_EQ(OrientationLetters(PlaneOf(volume.geometry, request).down_mm), "F");
}

TEST_P(AxisOrders, EveryStorageGivesTheSamePicture) {
  const Volume plain = MarkedVolume({});
  const Volume stored = MarkedVolume(AllStorages()[static_cast<std::size_t>(GetParam())]);
  for (const SliceView view : kSliceViews) EXPECT_EQ(Picture(stored, view), Picture(plain, view)) << Name(view);
}

TEST_P(AxisOrders, ScrollingGoesTowardsTheHeadTheBackAndTheLeft) {
  const Geometry grid = GridOf(AllStorages()[static_cast<std::size_t>(GetParam())]);
  const Vec3 start{14, 8, 12};
  EXPECT_NEAR(Scrolled(grid, SliceView::kAxial, start, 2).z, 18, 1e-9);
  EXPECT_NEAR(Scrolled(grid, SliceView::kCoronal, start, 2).y, 12, 1e-9);
  EXPECT_NEAR(Scrolled(grid, SliceView::kSagittal, start, -3).x, 11, 1e-9);
  EXPECT_NEAR(Scrolled(grid, SliceView::kAxial, start, 100).z, 21, 1e-9) << "held inside the grid";
}

INSTANTIATE_TEST_SUITE_P(All48, AxisOrders, ::testing::Range(0, 48));

TEST(Orientation, ObliqueDirectionsHaveTwoLetters) {
  EXPECT_EQ(OrientationLetters({1, 0, 0}), "L");
  EXPECT_EQ(OrientationLetters({0, 0, -2}), "F");
  EXPECT_EQ(OrientationLetters({0.9, 0.4, 0}), "LP");
  EXPECT_EQ(OrientationLetters({-0.4, -0.9, 0}), "AR");
  EXPECT_EQ(OrientationLetters({0, 0.6, 0.8}), "HP");
  EXPECT_EQ(OrientationLetters({0.99, 0.1, 0}), "L") << "6 degrees are not oblique";
}

TEST(Orientation, AnObliqueScanKeepsItsAxesAndIsLabelledWithTwoLetters) {
  Geometry grid;
  grid.size = {40, 40, 20};
  const double c = std::cos(0.5), s = std::sin(0.5);  // turned by 29 degrees about the long axis
  grid.direction = {{{c, s, 0}, {-s, c, 0}, {0, 0, 1}}};
  const SlicePlane plane = PlaneOf(grid, {SliceView::kAxial, CentreOf(grid), CentreOf(grid), 1, 40, 40});
  EXPECT_EQ(OrientationLetters(plane.across_mm), "LP");
  EXPECT_EQ(OrientationLetters(plane.down_mm), "PR");
}

TEST(Plane, AGantryTiltIsShownSquare) {
  Geometry grid;
  grid.size = {40, 40, 20};
  grid.spacing_mm = {1, 1, 3};
  grid.direction[2] = {0, std::sin(0.3), std::cos(0.3)};  // slices are stacked along a slope
  const SlicePlane plane = PlaneOf(grid, {SliceView::kSagittal, CentreOf(grid), CentreOf(grid), 1, 60, 60});
  EXPECT_NEAR(Dot(plane.across_mm, plane.down_mm), 0, 1e-12);
  EXPECT_NEAR(Norm(plane.across_mm), Norm(plane.down_mm), 1e-12);
  EXPECT_NEAR(plane.PointAt(29.5, 29.5).y, CentreOf(grid).y, 1e-9);
}

TEST(Plane, FitsTheWholeGridAndComesBackToThePixel) {
  const Geometry grid = GridOf({});
  EXPECT_NEAR(FitMmPerPixel(grid, SliceView::kAxial, 60, 60), 0.5, 1e-12);
  EXPECT_NEAR(FitMmPerPixel(grid, SliceView::kCoronal, 60, 12), 2.0, 1e-12);
  const SlicePlane plane = PlaneOf(grid, {SliceView::kCoronal, {3, 8, 4}, CentreOf(grid), 0.5, 61, 49});
  const SlicePlane::Pixel pixel = plane.PixelAt(plane.PointAt(12.25, 40.5));
  EXPECT_NEAR(pixel.x, 12.25, 1e-9);
  EXPECT_NEAR(pixel.y, 40.5, 1e-9);
  EXPECT_NEAR(plane.PointAt(0, 0).y, 8, 1e-9) << "the plane goes through the cursor's slice";
  EXPECT_EQ(SliceAt(grid, SliceView::kCoronal, {3, 8.9, 4}), 4);
}

}  // namespace
}  // namespace consilium
