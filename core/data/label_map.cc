// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/label_map.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"

namespace consilium {

std::int64_t LabelMap::CountNonZero() const {
  return std::count_if(voxels.begin(), voxels.end(), [](std::uint8_t v) { return v != 0; });
}

RunLengthLabelMap Encode(const LabelMap& map) {
  RunLengthLabelMap out{map.geometry, {}};
  for (const std::uint8_t label : map.voxels) {
    if (out.runs.empty() || out.runs.back().label != label ||
        out.runs.back().length == std::numeric_limits<std::uint32_t>::max()) {
      out.runs.push_back({0, label});
    }
    ++out.runs.back().length;
  }
  return out;
}

LabelMap Decode(const RunLengthLabelMap& runs) {
  std::uint64_t total = 0;
  for (const auto& run : runs.runs) total += run.length;
  if (total != static_cast<std::uint64_t>(runs.geometry.size.count())) {
    throw Error(ErrorCode::kDataLoss, "a run-length label map covers " + std::to_string(total) +
                                          " voxels, its grid has " + std::to_string(runs.geometry.size.count()));
  }
  LabelMap out{runs.geometry, {}};
  out.voxels.reserve(total);
  for (const auto& run : runs.runs) out.voxels.insert(out.voxels.end(), run.length, run.label);
  return out;
}

}  // namespace consilium
