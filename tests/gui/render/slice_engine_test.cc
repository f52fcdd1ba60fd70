// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/slice_engine.h"

#include <gtest/gtest.h>

#include "gui/render/mip.h"

namespace consilium {
namespace {

Volume Uniform(Size3 size, double spacing_mm, std::int16_t value) {
  Volume volume;
  volume.geometry.size = size;
  volume.geometry.spacing_mm = {spacing_mm, spacing_mm, spacing_mm};
  volume.voxels.assign(static_cast<std::size_t>(size.count()), value);
  volume.slope.assign(static_cast<std::size_t>(size.z), 1.0F);
  volume.intercept.assign(static_cast<std::size_t>(size.z), 0.0F);
  return volume;
}

SlicePlane AxialPlane(int width, int height, double mm_per_pixel, Vec3 origin = {}) {
  return {origin, {mm_per_pixel, 0, 0}, {0, mm_per_pixel, 0}, width, height};
}

TEST(ColourMap, TablesRunFromTheirFirstToTheirLastColour) {
  const ColourTable grey = TableOf({ColourMapKind::kGrey});
  EXPECT_EQ(grey[0], qRgb(0, 0, 0));
  EXPECT_EQ(grey[128], qRgb(128, 128, 128));
  EXPECT_EQ(grey[255], qRgb(255, 255, 255));
  EXPECT_EQ(TableOf({ColourMapKind::kInverseGrey})[255], qRgb(0, 0, 0)) << "PET: hot is dark";
  const ColourTable hot = TableOf({ColourMapKind::kHot});
  EXPECT_EQ(hot[0], qRgb(0, 0, 0));
  EXPECT_EQ(qRed(hot[128]), 255);
  EXPECT_LT(qGreen(hot[128]), 5);
  EXPECT_EQ(hot[255], qRgb(255, 255, 255));
  EXPECT_EQ(qAlpha(TableOf({ColourMapKind::kHot, 0.5, true})[255]), 128);
  EXPECT_EQ(qAlpha(TableOf({ColourMapKind::kHot, 0.5, true})[0]), 0) << "cold PET lets the CT show";
}

TEST(ColourMap, WindowsClampAtBothEnds) {
  EXPECT_EQ(EntryOf(-2000, -160, 255.0F / 400), 0);
  EXPECT_EQ(EntryOf(40, -160, 255.0F / 400), 128);
  EXPECT_EQ(EntryOf(9000, -160, 255.0F / 400), 255);
  EXPECT_EQ(EntryOf(kOutside, -160, 1), 256);
}

TEST(ColourMap, OverIsTheUsualBlend) {
  EXPECT_EQ(Over(qRgba(0, 0, 0, 0), qRgb(10, 200, 30)), qRgb(10, 200, 30));
  EXPECT_EQ(Over(qRgba(255, 0, 0, 255), qRgb(10, 200, 30)), qRgb(255, 0, 0));
  const QRgb half = Over(qRgba(128, 0, 0, 128), qRgb(0, 0, 255));
  EXPECT_NEAR(qRed(half), 128, 1);
  EXPECT_NEAR(qBlue(half), 127, 1);
  EXPECT_EQ(qAlpha(half), 255);
}

TEST(SliceEngine, ImagesOfDifferentGridsMeetInThePatientsFrame) {
  const Volume ct = Uniform({20, 20, 3}, 1, 1000);
  Volume pet = Uniform({4, 4, 3}, 2.5, 10);
  pet.geometry.origin_mm = {10, 10, 0};
  SliceScene scene;
  scene.images.push_back({&ct, {0, 2000}, {}});
  scene.images.push_back({&pet, {0, 10}, {ColourMapKind::kHot, 1, true}});
  const QImage picture = SliceEngine().Render(scene, AxialPlane(24, 24, 1, {-2, -2, 0}));
  EXPECT_EQ(picture.pixel(0, 0), qRgb(0, 0, 0)) << "outside both";
  EXPECT_EQ(picture.pixel(5, 5), qRgb(128, 128, 128)) << "CT alone";
  EXPECT_EQ(picture.pixel(14, 14), qRgb(255, 255, 255)) << "hot PET covers the CT";
}

TEST(SliceEngine, FillsThePredictionAndOutlinesTheReference) {
  const Volume ct = Uniform({20, 20, 1}, 1, 0);
  LabelMap map;
  map.geometry = ct.geometry;
  map.voxels.assign(400, 0);
  for (std::int64_t j = 5; j < 15; ++j)
    for (std::int64_t i = 5; i < 15; ++i) map.voxels[static_cast<std::size_t>(map.geometry.Offset(i, j, 0))] = 1;
  SliceScene scene;
  scene.images.push_back({&ct, {0, 100}, {}});
  scene.labels.push_back({&map, 0, QColor(255, 0, 0), 0.5, 0});
  const QImage filled = SliceEngine().Render(scene, AxialPlane(20, 20, 1));
  EXPECT_EQ(filled.pixel(10, 10), qRgb(128, 0, 0));
  EXPECT_EQ(filled.pixel(2, 10), qRgb(0, 0, 0));
  scene.labels = {{&map, 0, QColor(0, 255, 0), 0, 2}};
  const QImage outlined = SliceEngine().Render(scene, AxialPlane(20, 20, 1));
  EXPECT_EQ(outlined.pixel(5, 10), qRgb(0, 255, 0));
  EXPECT_EQ(outlined.pixel(6, 10), qRgb(0, 255, 0));
  EXPECT_EQ(outlined.pixel(7, 10), qRgb(0, 0, 0)) << "two pixels thick, inwards";
  EXPECT_EQ(outlined.pixel(4, 10), qRgb(0, 0, 0));
}

TEST(SliceEngine, ThreePicturesAreBitwiseEqual) {
  const Volume ct = Uniform({20, 20, 3}, 1.3, 700);
  SliceScene scene;
  scene.images.push_back({&ct, {0, 2000}, {}});
  const QImage first = SliceEngine().Render(scene, AxialPlane(33, 21, 0.7));
  SliceEngine engine;
  EXPECT_EQ(engine.Render(scene, AxialPlane(33, 21, 0.7)), first);
  EXPECT_EQ(engine.Render(scene, AxialPlane(33, 21, 0.7)), first);
  EXPECT_THROW(engine.Render(scene, AxialPlane(0, 21, 0.7)), std::runtime_error);
}

class MipTest : public ::testing::Test {
 protected:
  // One hot voxel on the patient's left, at the back, near the head, stored feet first or head first.
  static Volume HotSpot(bool head_first) {
    Volume volume = Uniform({10, 8, 6}, 4, 1);
    volume.slope[1] = 2;
    if (head_first) {
      volume.geometry.direction[2] = {0, 0, -1};
      volume.geometry.origin_mm.z = 20;
    }
    const std::int64_t k = head_first ? 1 : 4;
    volume.voxels[static_cast<std::size_t>(volume.geometry.Offset(8, 6, k))] = 50;
    return volume;
  }
  struct Peak {
    int x = 0, y = 0;
    float value = 0;
  };
  static Peak PeakOf(const Projection& projection) {
    const auto best = std::ranges::max_element(projection.values);
    const int at = static_cast<int>(best - projection.values.begin());
    return {at % projection.width, at / projection.width, *best};
  }
};

TEST_F(MipTest, FromTheFrontTheLeftIsOnTheRightAndTheHeadIsUp) {
  const Projection front = Project(HotSpot(false), nullptr, 0);
  const Peak peak = PeakOf(front);
  EXPECT_EQ(peak.value, 50);
  EXPECT_GT(peak.x, front.width / 2 + 2);
  EXPECT_EQ(peak.y, 1);
  EXPECT_EQ(front.values[0], kOutside) << "the picture is wide enough for every angle";
}

TEST_F(MipTest, HeadFirstStorageGivesTheSamePictureWithItsOwnSlopes) {
  const Peak peak = PeakOf(Project(HotSpot(true), nullptr, 0));
  EXPECT_EQ(peak.y, 1);
  EXPECT_EQ(peak.value, 100) << "slice 1 has slope 2";
}

TEST_F(MipTest, TurnedByNinetyDegreesTheBackIsOnTheRight) {
  const Projection side = Project(HotSpot(false), nullptr, 90);
  EXPECT_GT(PeakOf(side).x, side.width / 2 + 1);
  const Projection behind = Project(HotSpot(false), nullptr, 180);
  EXPECT_LT(PeakOf(behind).x, behind.width / 2 - 2) << "from behind, left is left";
}

TEST_F(MipTest, LabelsAreTintedWhereTheyProject) {
  const Volume volume = HotSpot(false);
  LabelMap map;
  map.geometry = volume.geometry;
  map.voxels.assign(volume.voxels.size(), 0);
  map.voxels[static_cast<std::size_t>(map.geometry.Offset(8, 6, 4))] = 1;
  const Projection front = Project(volume, &map, 0);
  const Peak peak = PeakOf(front);
  EXPECT_EQ(front.inside[static_cast<std::size_t>(peak.y * front.width + peak.x)], 1);
  EXPECT_EQ(std::ranges::count(front.inside, 1), 1);
  const QImage picture =
      Draw(front, {0, 50}, {ColourMapKind::kInverseGrey}, QColor(255, 0, 0), front.width, front.height);
  EXPECT_EQ(picture.pixel(peak.x, peak.y), qRgb(153, 0, 0));
  map.geometry.size.x = 4;
  EXPECT_TRUE(Project(volume, &map, 0).inside.empty()) << "another grid is left out";
}

}  // namespace
}  // namespace consilium
