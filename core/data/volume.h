// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/series_key.h"
#include "core/data/voxel_buffer.h"

namespace consilium {

enum class Modality { kPet, kCt, kMr };

// One series as a voxel grid. Voxels stay as stored (int16); the physical value of a voxel of slice k is
// slope[k] * stored + intercept[k]: SUV for PET (body weight, g/ml), HU for CT, arbitrary for MR. PET has
// another slope in every slice. Unsigned 16-bit pixels are stored minus 32768, the intercept made up for it.
struct Volume {
  SeriesKey key;
  Modality modality = Modality::kCt;
  Geometry geometry;
  VoxelBuffer<std::int16_t> voxels;  // geometry.size.count()
  std::vector<float> slope;          // geometry.size.z
  std::vector<float> intercept;      // geometry.size.z

  float Value(std::int64_t i, std::int64_t j, std::int64_t k) const {
    const auto z = static_cast<std::size_t>(k);
    return slope[z] * static_cast<float>(voxels[static_cast<std::size_t>(geometry.Offset(i, j, k))]) + intercept[z];
  }
};

}  // namespace consilium
