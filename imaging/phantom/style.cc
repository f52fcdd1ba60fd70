// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/style.h"

#include <array>

#include "core/base/error.h"

namespace consilium {
namespace {

PhantomStyle North() {
  PhantomStyle style;
  style.name = "north";
  style.pet_voxel_mm = {4.0, 4.0, 4.0};
  style.ct_voxel_mm = {3.0, 3.0, 3.0};
  style.pet_blur_mm = 6;
  style.pet_noise = 0.10;
  style.ct_noise_hu = 8;
  style.tumour_region = BodyRegion::kThigh;
  style.tumour_radius_mm = {12, 20};
  style.tumour_suv = {5, 10};
  style.tumour_hu = {35, 60};
  style.nodule_regions = {BodyRegion::kChest, BodyRegion::kAbdomen};
  return style;
}

PhantomStyle Coast() {
  PhantomStyle style;
  style.name = "coast";
  style.pet_voxel_mm = {4.5, 4.5, 5.0};
  style.ct_voxel_mm = {3.5, 3.5, 4.0};
  style.pet_blur_mm = 7;
  style.pet_noise = 0.16;
  style.ct_noise_hu = 14;
  style.tumour_region = BodyRegion::kChest;
  style.tumour_radius_mm = {11, 19};
  style.tumour_suv = {3, 7};
  style.tumour_hu = {20, 50};
  style.nodule_regions = {BodyRegion::kThigh, BodyRegion::kAbdomen};
  return style;
}

PhantomStyle Valley() {
  PhantomStyle style;
  style.name = "valley";
  style.pet_voxel_mm = {5.0, 5.0, 4.5};
  style.ct_voxel_mm = {4.0, 4.0, 3.5};
  style.pet_blur_mm = 8.5;
  style.pet_noise = 0.22;
  style.ct_noise_hu = 20;
  style.tumour_region = BodyRegion::kAbdomen;
  style.tumour_radius_mm = {13, 21};
  style.tumour_suv = {5, 9};
  style.tumour_hu = {25, 50};
  style.core_fraction = 0.55;
  style.nodule_regions = {BodyRegion::kThigh, BodyRegion::kChest};
  return style;
}

}  // namespace

std::string_view Name(BodyRegion region) {
  switch (region) {
    case BodyRegion::kThigh: return "thigh";
    case BodyRegion::kChest: return "chest";
    case BodyRegion::kAbdomen: return "abdomen";
  }
  return "?";
}

std::span<const PhantomStyle> AllPhantomStyles() {
  static const std::array<PhantomStyle, 3> styles{North(), Coast(), Valley()};
  return styles;
}

const PhantomStyle& PhantomStyleNamed(std::string_view name) {
  std::string known;
  for (const PhantomStyle& style : AllPhantomStyles()) {
    if (style.name == name) return style;
    known += (known.empty() ? "" : ", ") + style.name;
  }
  throw Error(ErrorCode::kInvalidArgument, "there is no phantom style `" + std::string(name) + "`",
              "Use one of: " + known + ".");
}

}  // namespace consilium
