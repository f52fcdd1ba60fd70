// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/prepare/case_measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace consilium {
namespace {

Volume Make(Modality modality, Size3 size, Vec3 spacing_mm, const std::function<double(Vec3)>& value) {
  Volume v;
  v.key = SeriesKey("x");
  v.modality = modality;
  v.geometry = {size, spacing_mm, {spacing_mm.x / 2, spacing_mm.y / 2, spacing_mm.z / 2}};
  for (std::int64_t k = 0; k < size.z; ++k) {
    v.slope.push_back(0.01f);
    v.intercept.push_back(0.0f);
    for (std::int64_t j = 0; j < size.y; ++j) {
      for (std::int64_t i = 0; i < size.x; ++i) {
        const Vec3 at =
            v.geometry.IndexToPoint({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        v.voxels.push_back(static_cast<std::int16_t>(std::lround(value(at) * 100)));
      }
    }
  }
  return v;
}

// A block of SUV 60 (above any clipping) in a CT whose HU is the height: linear, so interpolation keeps it.
TEST(CaseMeasure, TellsTheGridAndTheNaturalValuesInTheTumour) {
  const auto inside = [](Vec3 at) {
    return at.x > 32 && at.x < 64 && at.y > 32 && at.y < 64 && at.z > 24 && at.z < 56;
  };
  const Volume pet = Make(Modality::kPet, {24, 24, 40}, {4, 4, 2}, [&](Vec3 at) { return inside(at) ? 60 : 1; });
  const Volume ct = Make(Modality::kCt, {48, 48, 50}, {2, 2, 2}, [](Vec3 at) { return at.z - 150; });
  LabelMap reference{pet.geometry, std::vector<std::uint8_t>(pet.voxels.size())};
  std::transform(pet.voxels.begin(), pet.voxels.end(), reference.voxels.begin(), [](auto v) { return v > 3000; });
  const CaseMeasure measure = MeasureCase(pet, ct, reference, Device{});
  EXPECT_EQ(measure.spacing_mm, (Vec3{4, 4, 2}));
  EXPECT_EQ(measure.size, (Size3{24, 24, 40}));
  ASSERT_EQ(measure.pet_suv.size(), measure.ct_hu.size());
  // 32 768 mm3 in voxels of 32 mm3; cubes of 3.17 mm meet its faces as they come.
  EXPECT_NEAR(static_cast<double>(measure.pet_suv.size()), 1024, 250);
  EXPECT_NEAR(static_cast<double>(measure.voxels), 24 * 24 * 40, 0.1 * 24 * 24 * 40);
  EXPECT_NEAR(*std::max_element(measure.pet_suv.begin(), measure.pet_suv.end()), 60, 0.01);
  EXPECT_GE(*std::min_element(measure.pet_suv.begin(), measure.pet_suv.end()), 30) << "half inside at least";
  EXPECT_NEAR(*std::min_element(measure.ct_hu.begin(), measure.ct_hu.end()), 24 - 150, 3.2);
  EXPECT_NEAR(*std::max_element(measure.ct_hu.begin(), measure.ct_hu.end()), 56 - 150, 3.2);
}

TEST(CaseMeasure, WithoutATumourThereAreNoValues) {
  const Volume pet = Make(Modality::kPet, {8, 8, 8}, {4, 4, 4}, [](Vec3) { return 1; });
  const Volume ct = Make(Modality::kCt, {16, 16, 16}, {2, 2, 2}, [](Vec3) { return 40; });
  const LabelMap nothing{pet.geometry, std::vector<std::uint8_t>(pet.voxels.size())};
  const CaseMeasure measure = MeasureCase(pet, ct, nothing, Device{});
  EXPECT_TRUE(measure.pet_suv.empty());
  EXPECT_EQ(measure.voxels, 512);
}

}  // namespace
}  // namespace consilium
