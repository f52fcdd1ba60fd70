// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/data/geometry.h"
#include "cuda/device.h"

namespace consilium {

// For each voxel named in `at` (an offset i + x * (j + y * k)), the Euclidean distance in mm from its centre to the
// nearest centre of a voxel that is not 0 in `set`; infinity if `set` is empty. Exact: a separable minimum of squared
// distances in double (after Felzenszwalb and Huttenlocher 2012, with a search outwards that ends where nothing nearer
// can come), rounded to float once at the end. Every device gives the same bits. Needs 8 bytes for each voxel of the
// grid. `set`: [k][j][i], size.count() bytes. Throws Error(kInvalidArgument) for sizes that do not fit, a spacing that
// is not above 0, or an offset outside the grid.
std::vector<float> NearestDistances(Size3 size, Vec3 spacing_mm, std::span<const std::uint8_t> set,
                                    std::span<const std::int64_t> at, Device device = {});

}  // namespace consilium
