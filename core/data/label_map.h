// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/data/geometry.h"

namespace consilium {

// One label for each voxel of a grid: 0 is background, 1 is tumour; connected components use 1..n.
struct LabelMap {
  Geometry geometry;
  std::vector<std::uint8_t> voxels;  // geometry.size.count()

  std::int64_t CountNonZero() const;
};

// A label map as runs of equal labels in storage order, for storing and sending.
struct RunLengthLabelMap {
  Geometry geometry;
  struct Run {
    std::uint32_t length = 0;
    std::uint8_t label = 0;
    friend bool operator==(const Run&, const Run&) = default;
  };
  std::vector<Run> runs;  // lengths sum to geometry.size.count()
};

RunLengthLabelMap Encode(const LabelMap& map);
LabelMap Decode(const RunLengthLabelMap& runs);  // throws Error(kDataLoss) if the lengths do not fit

}  // namespace consilium
