// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace consilium {

// First voxels of the tiles along one axis, evenly spread as nnU-Net v2 spreads them
// (inference/sliding_window_prediction.py): the step is at most tile * (1 - overlap), the first tile begins at 0 and
// the last ends at `size`. Needs size >= tile.
std::vector<std::int64_t> TileCorners(std::int64_t size, std::int64_t tile, double overlap);

// Weight of each voxel of a tile along one axis: a Gaussian of sigma tile / 8 centred on voxel tile / 2, peak 1. The
// weight in space is the product over the axes.
std::vector<float> TileWeights(std::int64_t tile);

// Sum of the tiles' weights at each voxel along one axis of `size` voxels; as tiles form a grid, the sum in space is
// the product over the axes too, and no volume of weights is kept.
std::vector<float> SumOfTileWeights(std::int64_t size, std::int64_t tile, const std::vector<std::int64_t>& corners);

}  // namespace consilium
