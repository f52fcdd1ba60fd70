// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/scanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace consilium {
namespace {

PhantomStyle Quiet() {
  PhantomStyle style = PhantomStyleNamed("north");
  style.pet_noise = 0;
  style.ct_noise_hu = 0;
  return style;
}

PhantomBody OneBall(Vec3 centre_mm, double radius_mm, double suv, double hu) {
  PhantomBody body;
  body.tissues.push_back({{ShapeKind::kEllipsoid, centre_mm, {radius_mm, radius_mm, radius_mm}, 0, 0, 0}, suv, hu});
  return body;
}

float At(const Volume& volume, Vec3 point_mm) {
  const Vec3 index = volume.geometry.PointToIndex(point_mm);
  return volume.Value(std::llround(index.x), std::llround(index.y), std::llround(index.z));
}

double Sum(const Volume& volume) {
  double sum = 0;
  for (std::int64_t k = 0; k < volume.geometry.size.z; ++k) {
    for (std::int64_t j = 0; j < volume.geometry.size.y; ++j) {
      for (std::int64_t i = 0; i < volume.geometry.size.x; ++i) sum += static_cast<double>(volume.Value(i, j, k));
    }
  }
  return sum;
}

TEST(Scanner, GridsOfPetAndCtHaveTheSameCentre) {
  for (const PhantomStyle& style : AllPhantomStyles()) {
    for (const Vec3 voxel : {style.pet_voxel_mm, style.ct_voxel_mm}) {
      const Geometry grid = PhantomGrid(voxel);
      const Vec3 middle{0.5 * static_cast<double>(grid.size.x - 1), 0.5 * static_cast<double>(grid.size.y - 1),
                        0.5 * static_cast<double>(grid.size.z - 1)};
      EXPECT_NEAR(Norm(grid.IndexToPoint(middle)), 0, 1e-9);
      EXPECT_NEAR(static_cast<double>(grid.size.z) * voxel.z, 300, voxel.z);
    }
  }
}

TEST(Scanner, PetKeepsTheTracerOfABall) {
  const Volume pet = ScanPet(OneBall({3, -2, 5}, 40, 6, 40), Quiet(), Random(1));
  const double activity = Sum(pet) * pet.geometry.VoxelVolumeMl();  // SUV x ml
  const double exact = 6 * 4.0 / 3.0 * 3.14159265358979 * 64;
  EXPECT_NEAR(activity, exact, 0.01 * exact);  // 2 mm sampling points
  EXPECT_NEAR(At(pet, {3, -2, 5}), 6, 0.05);
  EXPECT_EQ(At(pet, {80, 60, 100}), 0);
}

TEST(Scanner, PetBlursByThePointSpread) {
  // A wide slab's edge after a Gaussian of 6 mm FWHM is the error function: 0.5 at the edge, Phi(1.57) one voxel in.
  PhantomBody slab;
  slab.tissues.push_back({{ShapeKind::kColumn, {0, 0, 0}, {1000, 1000, 60}, 0, 0, 0}, 10, 0});
  const Volume pet = ScanPet(slab, Quiet(), Random(1));
  const double sigma_mm = 6 / 2.3548;
  for (std::int64_t k = 45; k < 60; ++k) {
    const double z = pet.geometry.IndexToPoint({0, 0, static_cast<double>(k)}).z;
    // The mean over the voxel of Phi((60 - z) / sigma), by Simpson's rule.
    const auto phi = [&](double at) { return 0.5 * std::erfc((at - 60) / sigma_mm / std::sqrt(2.0)); };
    const double expected = 10 * (phi(z - 2) + 4 * phi(z) + phi(z + 2)) / 6;
    EXPECT_NEAR(pet.Value(28, 21, k), expected, 0.25) << "z = " << z;  // the slab's end is sampled every 2 mm
  }
}

TEST(Scanner, EachPetSliceHasItsOwnSlope) {
  const PhantomStyle& style = PhantomStyleNamed("coast");
  const Volume pet = ScanPet(MakePhantomBody(style, 1, 1), style, Random(2));
  ASSERT_EQ(static_cast<std::int64_t>(pet.slope.size()), pet.geometry.size.z);
  std::vector<float> slopes = pet.slope;
  std::sort(slopes.begin(), slopes.end());
  EXPECT_EQ(std::unique(slopes.begin(), slopes.end()), slopes.end());
  EXPECT_GE(*std::min_element(pet.voxels.begin(), pet.voxels.end()), 0);
}

TEST(Scanner, NoiseGrowsWithTheStyleAndTheUptake) {
  PhantomStyle style = Quiet();
  style.pet_noise = 0.2;
  const Volume pet = ScanPet(OneBall({}, 60, 9, 40), style, Random(3));
  double mean = 0, square = 0;
  int count = 0;
  for (std::int64_t k = 32; k < 43; ++k) {
    for (std::int64_t j = 16; j < 26; ++j) {
      for (std::int64_t i = 22; i < 34; ++i, ++count) {
        const double value = static_cast<double>(pet.Value(i, j, k));
        mean += value, square += value * value;
      }
    }
  }
  mean /= count;
  EXPECT_NEAR(mean, 9, 0.1);
  EXPECT_NEAR(std::sqrt(square / count - mean * mean), 0.2 * 3, 0.05);
}

TEST(Scanner, CtIsInHounsfieldUnits) {
  const Volume ct = ScanCt(OneBall({3, -2, 5}, 20, 6, 40), Quiet(), Random(1));
  EXPECT_NEAR(At(ct, {3, -2, 5}), 40, 1);
  EXPECT_NEAR(At(ct, {80, 60, 100}), -1000, 1);
  const PhantomStyle& style = PhantomStyleNamed("valley");
  const Volume noisy = ScanCt(MakePhantomBody(style, 1, 1), style, Random(1));
  EXPECT_GE(*std::min_element(noisy.voxels.begin(), noisy.voxels.end()), 0);
  EXPECT_LE(*std::max_element(noisy.voxels.begin(), noisy.voxels.end()), 4095);
}

TEST(Scanner, ABodyHasTheOrgansWhereTheyBelong) {
  const PhantomStyle style = Quiet();
  for (std::int64_t number = 1; number <= 5; ++number) {
    const PhantomBody body = MakePhantomBody(style, 11, number);
    const Volume pet = ScanPet(body, style, Random(1)), ct = ScanCt(body, style, Random(1));
    EXPECT_GT(At(pet, {0, 0, 104}), 4) << "brain";
    EXPECT_GT(At(pet, {0, -14, -56}), 5) << "bladder";
    EXPECT_LT(At(ct, {0, -14, -56}), 25) << "the bladder is water";
    EXPECT_GT(At(ct, {12, -16, 32}), 100) << "the heart, left, with contrast medium";
    EXPECT_GT(At(ct, {0, 38, 0}), 150) << "spine, behind";
    EXPECT_LT(At(ct, {-56, 0, 46}), -400) << "right lung";
    EXPECT_LT(At(ct, {0, 0, -130}), -900) << "air between the thighs";
  }
}

}  // namespace
}  // namespace consilium
