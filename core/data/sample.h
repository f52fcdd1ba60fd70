// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/base/ids.h"
#include "core/data/geometry.h"
#include "core/data/shared_array.h"

namespace consilium {

// One patient, ready for the network: channels on one common isotropic grid, normalised by the PrepPlan.
// Channel 0 is PET, channel 1 is CT. Outside an image the channel holds the PrepPlan's padding value (air).
// The numbers may lie in a mapped file, so that holding all of a site's samples takes no memory of their size.
struct Sample {
  CaseId id;
  Geometry grid;
  int channels = 2;
  SharedArray<float> image;         // [channel][k][j][i], channels * grid.size.count()
  SharedArray<std::uint8_t> label;  // [k][j][i], 0 or 1; empty if there is no contour
};

}  // namespace consilium
