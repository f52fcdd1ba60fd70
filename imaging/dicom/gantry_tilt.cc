// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/gantry_tilt.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr double kAirHu = -1000;
constexpr double kWhole = 1e-6;  // voxels; a shift this near to a whole one is one

Vec3 NormalOf(const Geometry& g) { return Cross(g.direction[0], g.direction[1]); }

// What lies at a continuous index of a row or column of `size` voxels: two neighbours and the weight of the second.
struct Between {
  std::int64_t low = 0, high = 0;
  float weight = 0;
  bool inside = false;
};

Between At(double index, std::int64_t size) {
  const double last = static_cast<double>(size - 1);
  if (index < -0.5 || index > last + 0.5) return {};
  const double held = std::clamp(index, 0.0, last), low = std::floor(held + kWhole);
  Between at;
  at.low = static_cast<std::int64_t>(low);
  at.high = std::min(at.low + 1, size - 1);
  at.weight = static_cast<float>(std::max(held - low, 0.0));
  at.inside = true;
  return at;
}

std::int16_t Outside(Modality modality, float slope, float intercept) {
  const double value = modality == Modality::kCt ? kAirHu : 0.0;
  const double stored = std::round((value - static_cast<double>(intercept)) / static_cast<double>(slope));
  using Limits = std::numeric_limits<std::int16_t>;
  return static_cast<std::int16_t>(
      std::clamp(stored, static_cast<double>(Limits::min()), static_cast<double>(Limits::max())));
}

// One slice: `from` is `columns` wide; voxel (0, 0) of `to` lies at (first_i, first_j) of it.
void MoveSlice(const std::int16_t* from, std::int64_t columns, std::int64_t rows, Vec3 first, std::int16_t outside,
               Size3 size, std::int16_t* to) {
  std::vector<Between> across(static_cast<std::size_t>(size.x));
  for (std::int64_t i = 0; i < size.x; ++i)
    across[static_cast<std::size_t>(i)] = At(first.x + static_cast<double>(i), columns);
  for (std::int64_t j = 0; j < size.y; ++j) {
    const Between down = At(first.y + static_cast<double>(j), rows);
    for (std::int64_t i = 0; i < size.x; ++i, ++to) {
      const Between& in = across[static_cast<std::size_t>(i)];
      *to = outside;
      if (!down.inside || !in.inside) continue;
      const auto value = [&](std::int64_t column, std::int64_t row) {
        return static_cast<float>(from[column + columns * row]);
      };
      const float above = value(in.low, down.low) + in.weight * (value(in.high, down.low) - value(in.low, down.low));
      const float below = value(in.low, down.high) + in.weight * (value(in.high, down.high) - value(in.low, down.high));
      *to = static_cast<std::int16_t>(std::lround(above + down.weight * (below - above)));
    }
  }
}

}  // namespace

double LeanDegrees(const Geometry& g) {
  const double across = Norm(Cross(NormalOf(g), g.direction[2]));
  return std::asin(std::min(across, 1.0)) * 180 / std::numbers::pi;
}

bool IsTilted(double lean_degrees, double told_degrees) {
  constexpr double kSurely = 0.6, kIfTold = 0.1;
  return lean_degrees > kSurely || (lean_degrees > kIfTold && std::abs(told_degrees) > kIfTold);
}

Geometry UprightGrid(const Geometry& leaning) {
  const Vec3 normal = NormalOf(leaning);
  const Vec3 all = (static_cast<double>(leaning.size.z - 1) * leaning.spacing_mm.z) * leaning.direction[2];
  // How far the last slice lies beside the first, in voxels of each axis; the others lie between.
  const double i = Dot(all, leaning.direction[0]) / leaning.spacing_mm.x;
  const double j = Dot(all, leaning.direction[1]) / leaning.spacing_mm.y;
  const auto low = [](double shift) { return std::floor(std::min(shift, 0.0) + kWhole); };
  const auto more = [&](double shift) {
    return static_cast<std::int64_t>(std::ceil(std::max(shift, 0.0) - kWhole) - low(shift));
  };
  Geometry g = leaning;
  g.direction[2] = normal;
  g.spacing_mm.z = leaning.spacing_mm.z * Dot(leaning.direction[2], normal);
  g.size.x += more(i);
  g.size.y += more(j);
  g.origin_mm =
      leaning.origin_mm + (low(i) * g.spacing_mm.x) * g.direction[0] + (low(j) * g.spacing_mm.y) * g.direction[1];
  return g;
}

Volume Straighten(const Series& series, Volume stored) {
  Require(series.tilted.has_value(), "a series without a tilt needs no straightening");
  const auto [columns, rows] = *series.tilted;
  const Geometry& g = series.geometry;
  const auto slices = static_cast<std::size_t>(g.size.z), in_slice = static_cast<std::size_t>(columns * rows),
             out_slice = static_cast<std::size_t>(g.size.x * g.size.y);
  Require(stored.voxels.size() == in_slice * slices && series.slices.size() == slices &&
              stored.slope.size() == slices && stored.intercept.size() == slices,
          "the voxels do not fit the tilted series");
  decltype(stored.voxels) upright(out_slice * slices);
  for (std::size_t k = 0; k < slices; ++k) {
    const Vec3 first = g.PointToIndex(series.slices[k].position_mm);  // where the stored slice starts on the grid
    MoveSlice(stored.voxels.data() + k * in_slice, columns, rows, {-first.x, -first.y, 0},
              Outside(series.modality, stored.slope[k], stored.intercept[k]), g.size, upright.data() + k * out_slice);
  }
  stored.geometry = g;
  stored.voxels = std::move(upright);
  return stored;
}

}  // namespace consilium
