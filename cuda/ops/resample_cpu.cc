// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/resample_cpu.h"

#include <algorithm>
#include <vector>

#include "cuda/ops/trilinear_cpu.h"

namespace consilium {
namespace {

CONSILIUM_INLINE float Finish(float value, const ConsiliumResample& r) {
  return __builtin_fmaf(std::min(std::max(value, r.low), r.high), r.scale, r.shift);
}

struct Image {
  const std::int16_t* voxels;
  const float* slope;
  const float* intercept;
  std::int64_t row, slice;  // voxels from one row, one slice to the next
};

// Physical values at column x of the four rows around (y, z).
struct Rows {
  const std::int16_t *y0z0, *y1z0, *y0z1, *y1z1;
  float ty, tz, slope0, intercept0, slope1, intercept1;

  CONSILIUM_INLINE float At(std::int64_t x) const {
    const float z0 = Lerp(ty, static_cast<float>(y0z0[x]), static_cast<float>(y1z0[x]));
    const float z1 = Lerp(ty, static_cast<float>(y0z1[x]), static_cast<float>(y1z1[x]));
    return Lerp(tz, __builtin_fmaf(slope0, z0, intercept0), __builtin_fmaf(slope1, z1, intercept1));
  }
};

CONSILIUM_INLINE Rows RowsAround(const Image& image, const Neighbours& y, const Neighbours& z) {
  const std::int16_t* z0 = image.voxels + z.first * image.slice;
  const std::int16_t* z1 = image.voxels + z.second * image.slice;
  return {.y0z0 = z0 + y.first * image.row,
          .y1z0 = z0 + y.second * image.row,
          .y0z1 = z1 + y.first * image.row,
          .y1z1 = z1 + y.second * image.row,
          .ty = y.t,
          .tz = z.t,
          .slope0 = image.slope[z.first],
          .intercept0 = image.intercept[z.first],
          .slope1 = image.slope[z.second],
          .intercept1 = image.intercept[z.second]};
}

// Any affine: every voxel finds its own neighbours.
CONSILIUM_INLINE void GeneralRow(const ConsiliumResample& r, const Image& image, double j, double k, float* out) {
  const double base[3] = {Base(r.m, j, k), Base(r.m + 4, j, k), Base(r.m + 8, j, k)};
  for (std::int64_t i = 0; i < r.out_x; ++i) {
    const auto at = static_cast<double>(i);
    const Neighbours x = Around(__builtin_fma(r.m[0], at, base[0]), r.in_x);
    const Neighbours y = Around(__builtin_fma(r.m[4], at, base[1]), r.in_y);
    const Neighbours z = Around(__builtin_fma(r.m[8], at, base[2]), r.in_z);
    if (!x.inside || !y.inside || !z.inside) {
      out[i] = r.outside;
      continue;
    }
    const Rows rows = RowsAround(image, y, z);
    out[i] = Finish(Lerp(x.t, rows.At(x.first), rows.At(x.second)), r);
  }
}

// Grids with parallel axes, the usual case: the four input rows are blended once for the whole output row.
CONSILIUM_INLINE void AlignedRow(const ConsiliumResample& r, const Image& image, const std::vector<Neighbours>& xs,
                                 double j, double k, float* columns, float* out) {
  const Neighbours y = Around(Base(r.m + 4, j, k), r.in_y);
  const Neighbours z = Around(Base(r.m + 8, j, k), r.in_z);
  if (!y.inside || !z.inside) {
    std::fill_n(out, r.out_x, r.outside);
    return;
  }
  const Rows rows = RowsAround(image, y, z);
  for (std::int64_t x = 0; x < r.in_x; ++x) columns[x] = rows.At(x);
  for (std::int64_t i = 0; i < r.out_x; ++i) {
    const Neighbours& x = xs[static_cast<std::size_t>(i)];
    out[i] = x.inside ? Finish(Lerp(x.t, columns[x.first], columns[x.second]), r) : r.outside;
  }
}

CONSILIUM_INLINE void AllRows(const ConsiliumResample& r, const Image& image, float* output) {
  const bool aligned = HasParallelAxes(r.m);
  std::vector<Neighbours> xs;
  std::vector<float> columns;
  if (aligned) {
    columns.resize(static_cast<std::size_t>(r.in_x));
    for (std::int64_t i = 0; i < r.out_x; ++i) {
      xs.push_back(Around(__builtin_fma(r.m[0], static_cast<double>(i), r.m[3]), r.in_x));
    }
  }
  for (std::int64_t k = 0; k < r.out_z; ++k) {
    for (std::int64_t j = 0; j < r.out_y; ++j) {
      float* out = output + r.out_x * (j + r.out_y * k);
      const auto dj = static_cast<double>(j);
      const auto dk = static_cast<double>(k);
      if (aligned) {
        AlignedRow(r, image, xs, dj, dk, columns.data(), out);
      } else {
        GeneralRow(r, image, dj, dk, out);
      }
    }
  }
}

// The same code twice: with fused multiply-adds as instructions, and with the C library's (slower, same bits).
CONSILIUM_TARGET_AVX2 void AllRowsAvx2(const ConsiliumResample& r, const Image& image, float* output) {
  AllRows(r, image, output);
}
void AllRowsPlain(const ConsiliumResample& r, const Image& image, float* output) { AllRows(r, image, output); }

}  // namespace

void ResampleCpu(const ConsiliumResample& what, const std::int16_t* voxels, const float* slope, const float* intercept,
                 float* output) {
  const Image image{voxels, slope, intercept, what.in_x, what.in_x * what.in_y};
  CpuHasAvx2AndFma() ? AllRowsAvx2(what, image, output) : AllRowsPlain(what, image, output);
}

}  // namespace consilium
