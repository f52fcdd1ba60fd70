// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/findings/compare.h"
#include "imaging/findings/find_lesions.h"
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
  EXPECT_EQ(found.lesions[0].probability, 1);
  EXPECT_NEAR(found.lesions[0].centroid_mm.x, 10 + 2 * 5.5, 1e-12);
  EXPECT_NEAR(found.lesions[0].centroid_mm.z, 30 + 2.5 * 5.5, 1e-12);
  EXPECT_EQ(found.labels.voxels[0], 2);
  EXPECT_EQ(FindLesions(mask, Ramp(Grid()), nullptr, 0.015).lesions.size(), 1u);
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
  ExpectError(ErrorCode::kNotFound, "Regions there: GTV_1, Heart", [&] { ToLabelMap(s, "Liver", g); });
  s.rois[0].contours[0][0].z = 0;
  ExpectError(ErrorCode::kInvalidArgument, "do not lie in the slices", [&] { ToLabelMap(s, "GTV*", g); });
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
