// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/nearest_distance_cpu.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "cuda/ops/cpu_features.h"

namespace consilium {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kLanes = 16;  // columns that search outwards together: four registers of AVX2

CONSILIUM_INLINE double Square(double spacing, std::int64_t steps) {
  const double mm = spacing * static_cast<double>(steps);
  return mm * mm;
}

// Squared distances along x to the row's own voxels. False if the row has none; then nothing is written.
CONSILIUM_INLINE bool Row(const ConsiliumNearest& w, const std::uint8_t* set, double* out) {
  const std::uint8_t* first = std::find_if(set, set + w.x, [](std::uint8_t v) { return v != 0; });
  if (first == set + w.x) return false;
  std::int64_t before = first - set;  // the nearest one seen so far, coming from below
  for (std::int64_t i = 0; i < w.x; ++i) {
    if (set[i] != 0) before = i;
    out[i] = static_cast<double>(i < before ? before - i : i - before);
  }
  std::int64_t after = before;  // the last one
  for (std::int64_t i = after - 1; i >= 0; --i) {
    if (set[i] != 0) after = i;
    out[i] = std::min(out[i], static_cast<double>(after - i));
  }
  for (std::int64_t i = 0; i < w.x; ++i) out[i] = (w.sx * out[i]) * (w.sx * out[i]);
  return true;
}

// One slice: `rows` holds the squared distances along x, `has` which rows are filled; `out` gets those in the plane.
CONSILIUM_INLINE void Plane(const ConsiliumNearest& w, const double* rows, const std::vector<std::uint8_t>& has,
                            double* out) {
  for (std::int64_t j = 0; j < w.y; ++j) {
    for (std::int64_t i = 0; i < w.x; i += kLanes) {
      const std::int64_t lanes = std::min(kLanes, w.x - i);
      double best[kLanes];
      std::fill_n(best, kLanes, kInfinity);
      if (has[static_cast<std::size_t>(j)] != 0) std::copy_n(rows + j * w.x + i, lanes, best);
      const auto reach = [&](std::int64_t row, double along_y) {
        if (row < 0 || row >= w.y || has[static_cast<std::size_t>(row)] == 0) return;
        const double* from = rows + row * w.x + i;
        if (lanes == kLanes) {
          for (std::int64_t l = 0; l < kLanes; ++l) best[l] = std::min(best[l], from[l] + along_y);
        } else {
          for (std::int64_t l = 0; l < lanes; ++l) best[l] = std::min(best[l], from[l] + along_y);
        }
      };
      for (std::int64_t step = 1; step < w.y; ++step) {
        const double along_y = Square(w.sy, step);
        double farthest = 0;
        for (std::int64_t l = 0; l < lanes; ++l) farthest = std::max(farthest, best[l]);
        if (along_y >= farthest) break;
        reach(j - step, along_y);
        reach(j + step, along_y);
      }
      std::copy_n(best, lanes, out + j * w.x + i);
    }
  }
}

CONSILIUM_INLINE void All(const ConsiliumNearest& w, const std::uint8_t* set, const std::int64_t* at, double* squared) {
  const std::int64_t slice = w.x * w.y;
  std::vector<double> rows(static_cast<std::size_t>(slice));
  std::vector<double> planes(static_cast<std::size_t>(slice * w.z));
  std::vector<std::uint8_t> has_row(static_cast<std::size_t>(w.y)), has_plane(static_cast<std::size_t>(w.z));
  for (std::int64_t k = 0; k < w.z; ++k) {
    std::uint8_t any = 0;
    for (std::int64_t j = 0; j < w.y; ++j) {
      const bool found = Row(w, set + k * slice + j * w.x, rows.data() + j * w.x);
      has_row[static_cast<std::size_t>(j)] = found ? 1 : 0;
      any |= has_row[static_cast<std::size_t>(j)];
    }
    has_plane[static_cast<std::size_t>(k)] = any;
    if (any != 0) Plane(w, rows.data(), has_row, planes.data() + k * slice);
  }
  for (std::int64_t n = 0; n < w.points; ++n) {
    const std::int64_t k = at[n] / slice, in_plane = at[n] % slice;
    double best = kInfinity;
    for (std::int64_t step = 0; step < w.z; ++step) {
      const double along_z = Square(w.sz, step);
      if (along_z >= best) break;
      for (const std::int64_t plane : {k - step, k + step}) {
        if (plane < 0 || plane >= w.z || has_plane[static_cast<std::size_t>(plane)] == 0) continue;
        best = std::min(best, planes[static_cast<std::size_t>(plane * slice + in_plane)] + along_z);
      }
    }
    squared[n] = best;
  }
}

CONSILIUM_TARGET_AVX2 void AllAvx2(const ConsiliumNearest& w, const std::uint8_t* set, const std::int64_t* at,
                                   double* squared) {
  All(w, set, at, squared);
}
void AllPlain(const ConsiliumNearest& w, const std::uint8_t* set, const std::int64_t* at, double* squared) {
  All(w, set, at, squared);
}

}  // namespace

void NearestDistanceCpu(const ConsiliumNearest& what, const std::uint8_t* set, const std::int64_t* at,
                        double* squared) {
  CpuHasAvx2AndFma() ? AllAvx2(what, set, at, squared) : AllPlain(what, set, at, squared);
}

}  // namespace consilium
