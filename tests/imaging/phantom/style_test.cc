// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/style.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/base/error.h"

namespace consilium {
namespace {

TEST(PhantomStyle, NoTwoStylesShareVoxelsBlurNoiseOrTumourSite) {
  std::set<double> pet_voxels, ct_voxels, blurs, noises;
  std::set<BodyRegion> regions;
  for (const PhantomStyle& style : AllPhantomStyles()) {
    pet_voxels.insert(style.pet_voxel_mm.x);
    ct_voxels.insert(style.ct_voxel_mm.x);
    blurs.insert(style.pet_blur_mm);
    noises.insert(style.pet_noise);
    regions.insert(style.tumour_region);
  }
  EXPECT_EQ(pet_voxels.size(), 3U);
  EXPECT_EQ(ct_voxels.size(), 3U);
  EXPECT_EQ(blurs.size(), 3U);
  EXPECT_EQ(noises.size(), 3U);
  EXPECT_EQ(regions.size(), 3U);
}

TEST(PhantomStyle, BenignNodulesGrowWhereOtherHospitalsSeeTumours) {
  for (const PhantomStyle& style : AllPhantomStyles()) {
    EXPECT_EQ(style.nodule_regions.size(), 2U);
    EXPECT_THAT(style.nodule_regions, testing::Not(testing::Contains(style.tumour_region))) << style.name;
  }
}

TEST(PhantomStyle, AnUnknownNameIsRefusedWithTheNamesThatExist) {
  try {
    PhantomStyleNamed("south");
    FAIL() << "south is no style";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "there is no phantom style `south`");
    EXPECT_EQ(error.next_step(), "Use one of: north, coast, valley.");
  }
}

TEST(PhantomStyle, RegionsHaveNames) {
  EXPECT_EQ(Name(BodyRegion::kThigh), "thigh");
  EXPECT_EQ(Name(BodyRegion::kChest), "chest");
  EXPECT_EQ(Name(BodyRegion::kAbdomen), "abdomen");
}

}  // namespace
}  // namespace consilium
