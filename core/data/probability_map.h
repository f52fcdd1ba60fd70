// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/data/geometry.h"

namespace consilium {

// The network's answer for one patient: probability of tumour for each voxel, 0 to 1.
struct ProbabilityMap {
  Geometry grid;
  std::vector<float> tumour;  // [k][j][i]
};

}  // namespace consilium
