// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/data/label_map.h"

namespace consilium {

// The connected components (26-neighbourhood, ITK) of everything that is not 0, numbered from 1 in the order in which
// they appear in storage; one number for each voxel, 0 for background.
struct Components {
  std::vector<std::uint32_t> number;  // geometry.size.count()
  std::vector<std::int64_t> voxels;   // of component n at n - 1
};

Components FindComponents(const LabelMap& mask);

}  // namespace consilium
