// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/label_map.h"

namespace consilium {

// One connected tumour (26-neighbourhood).
struct Lesion {
  int number = 0;  // 1 is the largest
  double volume_ml = 0;
  double suv_max = 0;
  double suv_mean = 0;
  std::optional<double> probability;  // mean probability of tumour inside; none of a contour or a DICOM SEG
  Vec3 centroid_mm;                   // LPS
};

struct LesionList {
  LabelMap labels;              // voxel value = lesion number (at most 255; smaller ones are dropped)
  std::vector<Lesion> lesions;  // by number
  std::int64_t left_out = 0;    // smaller ones after the 255th, which have no number
};

}  // namespace consilium
