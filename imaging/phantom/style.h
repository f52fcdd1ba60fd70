// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/geometry.h"

namespace consilium {

// A part of the body in which one hospital's tumours grow.
enum class BodyRegion { kThigh, kChest, kAbdomen };
std::string_view Name(BodyRegion region);

struct Range {
  double low = 0, high = 0;
};

// One synthetic hospital: its scanner and the patients that are sent there. Styles differ in voxel size, blur, noise,
// and in where tumours grow and how they look, so that no hospital alone sees enough.
struct PhantomStyle {
  std::string name;
  // Scanner.
  Vec3 pet_voxel_mm, ct_voxel_mm;
  double pet_blur_mm = 6;  // full width at half maximum of the point spread
  double pet_noise = 0.1;  // standard deviation at SUV 1; grows with the root of SUV
  double ct_blur_mm = 2;   // full width at half maximum
  double ct_noise_hu = 10;
  // Patients.
  BodyRegion tumour_region = BodyRegion::kThigh;
  Range tumour_radius_mm;  // mean semi-axis
  Range tumour_suv;        // of living tumour
  Range tumour_hu;
  double core_fraction = 0;                // radius of a dead, cold core as a part of the tumour's; 0: none
  std::vector<BodyRegion> nodule_regions;  // of benign nodules: as hot as tumours, but calcified (dense in CT)
};

std::span<const PhantomStyle> AllPhantomStyles();              // north, coast, valley
const PhantomStyle& PhantomStyleNamed(std::string_view name);  // throws Error(kInvalidArgument) listing the names

}  // namespace consilium
