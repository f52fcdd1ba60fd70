// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "core/data/label_map.h"
#include "core/data/volume.h"
#include "gui/render/slice_plane.h"

namespace consilium {

// A pixel that lies outside the image (more than half a voxel beyond the outermost centres).
inline constexpr float kOutside = std::numeric_limits<float>::lowest();

// The physical value (SUV, HU) of the volume at every pixel of the plane, trilinear; `values` is [y][x], width *
// height. A grid whose axes lie along the plane's takes a fast separable path; any other grid is looked up by point.
void SampleSlice(const Volume& volume, const SlicePlane& plane, std::span<float> values);

// How much of a label is at every pixel, 0 to 1, trilinear over the voxels that hold `label` (0: any label). The
// label's edge is at 0.5.
void SampleLabel(const LabelMap& map, std::uint8_t label, const SlicePlane& plane, std::span<float> values);

}  // namespace consilium
