// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/data/sample.h"

namespace consilium::test {

inline Geometry GridOf(Size3 size) {
  Geometry grid;
  grid.size = size;
  grid.spacing_mm = {4, 4, 4};
  return grid;
}

// Patients a small network learns in seconds: a bright PET ball on noise is the tumour; CT is noise.
inline Sample ToySample(std::uint64_t seed, Size3 size = {24, 22, 20}, bool tumour = true) {
  Random random(seed);
  Sample sample{CaseId("toy" + std::to_string(seed)), GridOf(size), 2, {}, {}};
  const auto voxels = static_cast<std::size_t>(size.count());
  std::vector<float> image(2 * voxels);
  for (float& value : image) value = static_cast<float>(0.3 * random.Normal() - 0.7);
  std::vector<std::uint8_t> label(voxels);
  const double x = random.Uniform(6, double(size.x) - 6), y = random.Uniform(6, double(size.y) - 6),
               z = random.Uniform(6, double(size.z) - 6), radius = random.Uniform(3, 5);
  std::size_t at = 0;
  for (std::int64_t k = 0; k < size.z; ++k) {
    for (std::int64_t j = 0; j < size.y; ++j) {
      for (std::int64_t i = 0; i < size.x; ++i, ++at) {
        const double dx = double(i) - x, dy = double(j) - y, dz = double(k) - z;
        if (!tumour || dx * dx + dy * dy + dz * dz > radius * radius) continue;
        label[at] = 1;
        image[at] += 1.5F;
      }
    }
  }
  sample.image = std::move(image);
  sample.label = std::move(label);
  return sample;
}

inline std::vector<Sample> ToySamples(int count, std::uint64_t seed = 100) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) samples.push_back(ToySample(seed + static_cast<std::uint64_t>(i)));
  return samples;
}

}  // namespace consilium::test
