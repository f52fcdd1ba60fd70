// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/data/geometry.h"

namespace consilium {

inline constexpr std::int64_t kMostVoxels = std::int64_t{1}
                                            << 33;  // 34 GB of floats: nothing a scanner makes is larger

inline std::string GridText(const Size3& s) {
  return std::to_string(s.x) + " x " + std::to_string(s.y) + " x " + std::to_string(s.z);
}

// `grid` begins the words: "resample: the input grid".
inline void RequireGridSize(const Size3& s, const std::string& grid) {
  const bool positive = s.x > 0 && s.y > 0 && s.z > 0;
  Require(positive && s.x <= kMostVoxels && s.y <= kMostVoxels / s.x && s.z <= kMostVoxels / (s.x * s.y),
          grid + " is " + GridText(s) + " voxels; each edge must be at least 1 and all at most 2^33.");
}

}  // namespace consilium
