// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/findings/find_lesions.h"
#include "imaging/findings/segmentation_metrics.h"
#include "imaging/prepare/preparer.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

Geometry Grid() { return {{12, 10, 8}, {2, 2, 2.5}, {10, 20, 30}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}}; }

LabelMap Empty(const Geometry& g) { return {g, std::vector<std::uint8_t>(static_cast<std::size_t>(g.size.count()))}; }

void Set(LabelMap& map, std::int64_t i, std::int64_t j, std::int64_t k) {
  map.voxels[static_cast<std::size_t>(map.geometry.Offset(i, j, k))] = 1;
}

// SUV of voxel (i, j, k) is i.
Volume Ramp(const Geometry& g) {
  Volume v{SeriesKey("x"), Modality::kPet, g, {}, {}, {}};
  for (std::int64_t n = 0; n < g.size.count(); ++n) v.voxels.push_back(static_cast<std::int16_t>(n % g.size.x));
  v.slope.assign(static_cast<std::size_t>(g.size.z), 1.0f);
  v.intercept.assign(static_cast<std::size_t>(g.size.z), 0.0f);
  return v;
}

TEST(FindLesions, JoinsCornersAndOrdersBySize) {
  LabelMap mask = Empty(Grid());
  Set(mask, 0, 0, 0);
  Set(mask, 5, 5, 5);
  Set(mask, 6, 6, 6);  // touches by a corner: one lesion
  const LesionList found = FindLesions(mask, Ramp(Grid()), nullptr);
  ASSERT_EQ(found.lesions.size(), 2u);
  EXPECT_NEAR(found.lesions[0].volume_ml, 0.02, 1e-12);
  EXPECT_EQ(found.lesions[0].suv_max, 6);
  EXPECT_EQ(found.lesions[0].suv_mean, 5.5);
  EXPECT_EQ(found.lesions[0].probability, std::nullopt) << "a mask alone has none";
  EXPECT_NEAR(found.lesions[0].centroid_mm.x, 10 + 2 * 5.5, 1e-12);
  EXPECT_NEAR(found.lesions[0].centroid_mm.z, 30 + 2.5 * 5.5, 1e-12);
  EXPECT_EQ(found.labels.voxels[0], 2);
  EXPECT_EQ(FindLesions(mask, Ramp(Grid()), nullptr, 0.015).lesions.size(), 1u);
}

TEST(KeepLargest, LeavesTheLargestPartAndWhatLiesBelowTheThreshold) {
  ProbabilityMap map{Grid(), std::vector<float>(static_cast<std::size_t>(Grid().size.count()), 0.2F)};
  const auto at = [&](std::int64_t i, std::int64_t j, std::int64_t k) -> float& {
    return map.tumour[static_cast<std::size_t>(map.grid.Offset(i, j, k))];
  };
  at(0, 0, 0) = at(1, 0, 0) = 0.5F;                // two voxels
  at(5, 5, 5) = at(6, 6, 6) = at(6, 6, 7) = 0.9F;  // three, one touches by a corner
  at(11, 9, 0) = 0.49F;                            // not predicted at all
  ProbabilityMap same = map;
  KeepLargest(map);
  EXPECT_EQ(at(0, 0, 0), 0);
  EXPECT_EQ(at(1, 0, 0), 0);
  EXPECT_EQ(at(5, 5, 5), 0.9F);
  EXPECT_EQ(at(6, 6, 7), 0.9F);
  EXPECT_EQ(at(11, 9, 0), 0.49F);
  EXPECT_EQ(at(3, 3, 3), 0.2F);
  KeepLargest(same, 0.6);  // one part alone: nothing to do
  EXPECT_EQ(same.tumour[0], 0.5F);
}

// Of a prediction: whole, and with the largest part alone. Specks under 0.1 ml go in both.
TEST(LesionsOf, TakesTheLargestPartAloneIfAsked) {
  Geometry g = Grid();
  g.spacing_mm = {5, 5, 5};  // 0.125 ml
  ProbabilityMap map{g, std::vector<float>(static_cast<std::size_t>(g.size.count()))};
  for (const std::int64_t i : {1, 2, 3, 8, 9}) map.tumour[static_cast<std::size_t>(g.Offset(i, 4, 4))] = 0.7F;
  EXPECT_EQ(LesionsOf(map, Ramp(g), false).lesions.size(), 2U);
  const LesionList alone = LesionsOf(map, Ramp(g), true);
  ASSERT_EQ(alone.lesions.size(), 1U);
  EXPECT_NEAR(alone.lesions[0].volume_ml, 0.375, 1e-9);
  EXPECT_EQ(alone.labels.CountNonZero(), 3);
}

TEST(FindLesions, SaysHowManyHaveNoNumber) {
  Geometry g = Grid();
  g.size = {24, 20, 8};
  LabelMap mask = Empty(g);
  std::int64_t single = 0;
  for (std::int64_t k = 0; k < 8; k += 2)
    for (std::int64_t j = 0; j < 20; j += 2)
      for (std::int64_t i = 0; i < 24 && single < 300; i += 2, ++single) Set(mask, i, j, k);
  testing::internal::CaptureStderr();
  const LesionList found = FindLesions(mask, Ramp(g), nullptr);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("left_out=45"));
  EXPECT_EQ(found.lesions.size(), 255u);
  EXPECT_EQ(found.left_out, 45);
  EXPECT_EQ(found.labels.CountNonZero(), 255);
}

TEST(FindLesions, RefusesAnotherGrid) {
  Geometry other = Grid();
  other.origin_mm.x += 1;
  ExpectError(ErrorCode::kInvalidArgument, "does not lie on the grid of the PET",
              [&] { FindLesions(Empty(other), Ramp(Grid()), nullptr); });
}

TEST(Dice, CountsOverlapAndBothEmptyIsOne) {
  LabelMap a = Empty(Grid()), b = Empty(Grid());
  EXPECT_EQ(Dice(a, b), 1);
  Set(a, 1, 1, 1);
  EXPECT_EQ(Dice(a, b), 0);
  Set(b, 1, 1, 1);
  Set(b, 2, 1, 1);
  EXPECT_NEAR(Dice(a, b), 2.0 / 3.0, 1e-12);
}

TEST(Preparer, KeepsRampsAndPadsWithAir) {
  const Geometry g = Grid();
  Volume ct = Ramp(g);
  ct.geometry.origin_mm.x += 4;  // two voxels of the grid lie left of the CT
  ct.modality = Modality::kCt;
  PrepPlan plan;
  plan.spacing_mm = 2;
  plan.pet_low = 0;
  LabelMap contour = Empty(g);
  Set(contour, 3, 3, 3);
  const Sample s = Prepare(CaseId("c"), Ramp(g), ct, &contour, plan, Device{});
  EXPECT_EQ(s.grid.size, (Size3{12, 10, 10}));
  EXPECT_NEAR(s.grid.origin_mm.z, 30 - 0.25, 1e-12);
  const auto voxels = static_cast<std::size_t>(s.grid.size.count());
  ASSERT_EQ(s.image.size(), 2 * voxels);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_NEAR(s.image[i], (static_cast<double>(i) - plan.pet_mean) / plan.pet_sd, 1e-5);
    const double hu = i < 2 ? plan.ct_low : static_cast<double>(i) - 2;  // air is clipped to the plan's low end
    EXPECT_NEAR(s.image[voxels + i], (hu - plan.ct_mean) / plan.ct_sd, 1e-5) << i;
  }
  EXPECT_GT(std::count(s.label.begin(), s.label.end(), 1), 0);
}

TEST(Preparer, BringsProbabilitiesBack) {
  const Geometry g = Grid();
  const Geometry fine = SampleGrid(g, 1.0);
  ProbabilityMap p{fine, std::vector<float>(static_cast<std::size_t>(fine.size.count()), 0.75f)};
  const LabelMap map = ToGrid(p, g);
  EXPECT_EQ(map.CountNonZero(), g.size.count());
  EXPECT_EQ(ToGrid(p, g, 0.76).CountNonZero(), 0);
  p.tumour[0] = std::numeric_limits<float>::quiet_NaN();
  ExpectError(ErrorCode::kInvalidArgument, "not a number", [&] { ToGrid(p, g); });
}

std::vector<Vec3> Square(double low, double high, double z) {
  return {{low, low, z}, {high, low, z}, {high, high, z}, {low, high, z}};
}

TEST(Contours, HolesByEvenOddAndSlicesByPosition) {
  const Geometry g{{10, 10, 3}, {1, 1, 2}, {0, 0, 0}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  RtStruct s;
  s.file = "x.dcm";
  s.rois = {{"GTV_1", {Square(0.5, 8.5, 2.1), Square(2.5, 5.5, 2.1)}}, {"Heart", {Square(0.5, 8.5, 0)}}};
  const LabelMap map = ToLabelMap(s, "gtv*", g);
  EXPECT_EQ(map.CountNonZero(), 64 - 9);
  EXPECT_EQ(map.voxels[static_cast<std::size_t>(g.Offset(1, 1, 1))], 1);
  EXPECT_EQ(map.voxels[static_cast<std::size_t>(g.Offset(4, 4, 1))], 0);
  ExpectError(ErrorCode::kNotFound, "no region named like Liver in x.dcm; there are: GTV_1, Heart",
              [&] { ToLabelMap(s, "Liver", g); });
  s.rois[0].contours[0][0].z = 0;
  ExpectError(ErrorCode::kInvalidArgument, "do not lie in the slices", [&] { ToLabelMap(s, "GTV*", g); });
}

// The slices that a region fills whose square was drawn at each of `at_mm`, on slices of 2 mm.
std::vector<std::int64_t> Filled(const std::vector<double>& at_mm) {
  const Geometry g{{10, 10, 12}, {1, 1, 2}, {0, 0, 0}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  RtStruct s;
  s.rois = {{"GTV", {}}};
  for (const double z : at_mm) s.rois[0].contours.push_back(Square(1.5, 4.5, z));
  const LabelMap map = ToLabelMap(s, "GTV", g);
  std::vector<std::int64_t> slices;
  for (std::int64_t k = 0; k < g.size.z; ++k)
    if (map.voxels[static_cast<std::size_t>(g.Offset(2, 2, k))] == 1) slices.push_back(k);
  return slices;
}

TEST(Contours, AContourReachesHalfTheDistanceToTheNext) {
  using testing::ElementsAre;
  EXPECT_THAT(Filled({8}), ElementsAre(4));
  EXPECT_THAT(Filled({8, 10, 12}), ElementsAre(4, 5, 6));
  EXPECT_THAT(Filled({8, 12, 16}), ElementsAre(3, 4, 5, 6, 7, 8)) << "three on every second slice are six slices thick";
  EXPECT_THAT(Filled({6, 12, 18}), ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10)) << "on every third: nine";
  EXPECT_THAT(Filled({9}), ElementsAre(4)) << "between two slices it is still one slice thick";
  EXPECT_THAT(Filled({8.0000001, 11.9999999, 16}), ElementsAre(3, 4, 5, 6, 7, 8)) << "rounding changes nothing";
}

TEST(Contours, DrawnButOnNoVoxelIsAFaultAndNothingDrawnIsNone) {
  const Geometry g{{10, 10, 3}, {1, 1, 2}, {0, 0, 0}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  RtStruct s;
  s.file = "x.dcm";
  s.rois = {{"GTV_1", {}}};
  EXPECT_EQ(ToLabelMap(s, "GTV*", g).CountNonZero(), 0) << "nothing was drawn: the patient has no tumour";
  const auto fault = [&](const std::vector<Vec3>& contour) {
    s.rois = {{"GTV_1", {Square(1.5, 4.5, 2)}}, {"GTV_2", {contour}}};
    ExpectError(ErrorCode::kInvalidArgument, "the contours of GTV_2 in x.dcm mark no voxel of this series",
                [&] { ToLabelMap(s, "GTV*", g); });
  };
  fault(Square(1.5, 4.5, 60));     // above the grid
  fault(Square(101.5, 104.5, 2));  // beside it
  fault(Square(1.1, 1.9, 2));      // between its voxels
  fault({{1, 1, 2}, {5, 5, 2}});   // a line
  s.rois[1].contours.push_back(Square(1.5, 2.5, 2));
  EXPECT_GT(ToLabelMap(s, "GTV*", g).CountNonZero(), 0) << "one contour on the grid is enough";
}

TEST(Contours, PatternsIgnoreCaseAndTakeLists) {
  EXPECT_TRUE(MatchesPattern("GTV_Mass_PET", "tumour*, gtv*pet"));
  EXPECT_TRUE(MatchesPattern("GTV1", "GTV?"));
  EXPECT_FALSE(MatchesPattern("GTV12", "GTV?"));
  EXPECT_FALSE(MatchesPattern("PTV", "GTV*"));
  EXPECT_FALSE(MatchesPattern("GTV", ""));
}

}  // namespace
}  // namespace consilium
