// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/compare.h"

#include "core/base/error.h"

namespace consilium {

double Dice(const LabelMap& a, const LabelMap& b) {
  Require(SameGrid(a.geometry, b.geometry, 0.01) && a.voxels.size() == b.voxels.size(),
          "two label maps on different grids cannot be compared", "Bring both to one grid first.");
  std::int64_t both = 0, sum = 0;
  for (std::size_t i = 0; i < a.voxels.size(); ++i) {
    both += a.voxels[i] != 0 && b.voxels[i] != 0;
    sum += (a.voxels[i] != 0) + (b.voxels[i] != 0);
  }
  return sum == 0 ? 1.0 : 2.0 * static_cast<double>(both) / static_cast<double>(sum);
}

}  // namespace consilium
