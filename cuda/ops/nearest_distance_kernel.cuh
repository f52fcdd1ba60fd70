// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/kernel_context.h"
#include "cuda/module_abi.h"

namespace consilium {

// Three kernels, launched one after the other, in the order of operations that cuda/ops/nearest_distance_cpu.h states.
// Any grid and block; no shared memory. A field is x * y * z doubles; kNearestFar in it says that no voxel of the set
// is near.
inline constexpr double kNearestFar = 1e300;

CONSILIUM_KERNEL inline double NearestSquare(double spacing, std::int64_t steps) {
  const double mm = spacing * static_cast<double>(steps);
  return mm * mm;
}

// The least field value plus squared distance over a line of `count` values that lie `stride` apart.
CONSILIUM_KERNEL inline double NearestOutwards(const double* line, std::int64_t stride, std::int64_t here,
                                               std::int64_t count, double spacing) {
  double best = line[here * stride];
  for (std::int64_t step = 1; step < count; ++step) {
    const double along = NearestSquare(spacing, step);
    if (along >= best) break;  // nothing nearer can come
    const double below = here - step >= 0 ? line[(here - step) * stride] + along : best;
    const double above = here + step < count ? line[(here + step) * stride] + along : best;
    best = below < best ? below : best;
    best = above < best ? above : best;
  }
  return best;
}

// One row for each turn of a thread: squared distances along x.
struct NearestRowsKernel {
  static constexpr Index3 kBlock = {64, 1, 1};

  template <KernelContext Context>
  CONSILIUM_KERNEL static void Run(Context& context, ConsiliumNearest w, const std::uint8_t* set, double* rows) {
    const Strided row =
        Along(context.ThreadIndex().x, context.BlockIndex().x, context.BlockSize().x, context.GridSize().x);
    for (std::int64_t r = row.first; r < w.y * w.z; r += row.step) {
      const std::uint8_t* in = set + r * w.x;
      double* out = rows + r * w.x;
      std::int64_t before = -1, after = -1;  // the nearest voxel of the set seen so far, coming from below, from above
      for (std::int64_t i = 0; i < w.x; ++i) {
        if (in[i] != 0) before = i;
        out[i] = before < 0 ? kNearestFar : NearestSquare(w.sx, i - before);
      }
      for (std::int64_t i = w.x - 1; i >= 0; --i) {
        if (in[i] != 0) after = i;
        if (after < 0) continue;
        const double above = NearestSquare(w.sx, after - i);
        out[i] = above < out[i] ? above : out[i];
      }
    }
  }
};

// One voxel for each turn: the best of its column within the slice.
struct NearestPlanesKernel {
  static constexpr Index3 kBlock = {32, 4, 1};

  template <KernelContext Context>
  CONSILIUM_KERNEL static void Run(Context& context, ConsiliumNearest w, const double* rows, double* planes) {
    const Index3 t = context.ThreadIndex(), b = context.BlockIndex(), s = context.BlockSize(), g = context.GridSize();
    const Strided x = Along(t.x, b.x, s.x, g.x), y = Along(t.y, b.y, s.y, g.y), z = Along(t.z, b.z, s.z, g.z);
    for (std::int64_t k = z.first; k < w.z; k += z.step) {
      for (std::int64_t j = y.first; j < w.y; j += y.step) {
        for (std::int64_t i = x.first; i < w.x; i += x.step) {
          planes[i + w.x * (j + w.y * k)] = NearestOutwards(rows + i + w.x * w.y * k, w.x, j, w.y, w.sy);
        }
      }
    }
  }
};

// One point for each turn: the best of its line along z. Infinity where the set is empty.
struct NearestPointsKernel {
  static constexpr Index3 kBlock = {64, 1, 1};

  template <KernelContext Context>
  CONSILIUM_KERNEL static void Run(Context& context, ConsiliumNearest w, const double* planes, const std::int64_t* at,
                                   double* squared) {
    const Strided point =
        Along(context.ThreadIndex().x, context.BlockIndex().x, context.BlockSize().x, context.GridSize().x);
    const std::int64_t slice = w.x * w.y;
    for (std::int64_t n = point.first; n < w.points; n += point.step) {
      const double best = NearestOutwards(planes + at[n] % slice, slice, at[n] / slice, w.z, w.sz);
      squared[n] = best < kNearestFar ? best : __builtin_huge_val();
    }
  }
};

}  // namespace consilium
