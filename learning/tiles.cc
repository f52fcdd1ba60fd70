// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/tiles.h"

#include <cmath>

#include "core/base/error.h"

namespace consilium {

std::vector<std::int64_t> TileCorners(std::int64_t size, std::int64_t tile, double overlap) {
  Require(
      tile > 0 && size >= tile && overlap >= 0 && overlap < 1,
      "tiles: size " + std::to_string(size) + ", tile " + std::to_string(tile) + ", overlap " + std::to_string(overlap),
      "The overlap is 0 to below 1, and the tile no larger than the padded grid.");
  const double step = static_cast<double>(tile) * (1 - overlap);
  const auto last = static_cast<double>(size - tile);
  const auto count = static_cast<std::int64_t>(std::ceil(last / step)) + 1;
  std::vector<std::int64_t> corners;
  for (std::int64_t i = 0; i < count; ++i) {
    const double corner = count > 1 ? last / static_cast<double>(count - 1) * static_cast<double>(i) : 0;
    corners.push_back(std::llrint(corner));  // halves to even, as numpy rounds
  }
  return corners;
}

std::vector<float> TileWeights(std::int64_t tile) {
  const double sigma = static_cast<double>(tile) / 8;
  std::vector<float> weights;
  for (std::int64_t i = 0; i < tile; ++i) {
    const double x = static_cast<double>(i - tile / 2) / sigma;
    weights.push_back(static_cast<float>(std::exp(-0.5 * x * x)));
  }
  return weights;
}

std::vector<float> SumOfTileWeights(std::int64_t size, std::int64_t tile, const std::vector<std::int64_t>& corners) {
  const std::vector<float> weights = TileWeights(tile);
  std::vector<float> sum(static_cast<std::size_t>(size));
  for (const std::int64_t corner : corners) {
    for (std::int64_t i = 0; i < tile; ++i) {
      sum[static_cast<std::size_t>(corner + i)] += weights[static_cast<std::size_t>(i)];
    }
  }
  return sum;
}

}  // namespace consilium
