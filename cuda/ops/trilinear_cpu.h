// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/ops/cpu_features.h"

// Where a position lies among the voxels of an axis, and blending between them: for the .cc files of operations that
// interpolate, compiled into each copy of theirs. cuda/ops/trilinear_kernel.cuh does the same with the same bits.
namespace consilium {

// The two neighbours of a position along one axis and how far it lies from the first. Inside is up to half a voxel
// beyond the outermost centres; there the edge voxel is both neighbours.
struct Neighbours {
  std::int64_t first = 0, second = 0;
  float t = 0;
  bool inside = false;
};

CONSILIUM_INLINE Neighbours Around(double p, std::int64_t n) {
  const auto last = static_cast<double>(n - 1);
  Neighbours result;
  result.inside = p >= -0.5 && p <= last + 0.5;
  if (!result.inside) return result;
  const double c = std::min(std::max(p, 0.0), last);
  result.first = static_cast<std::int64_t>(c);  // c >= 0: truncation is floor
  result.second = std::min(result.first + 1, n - 1);
  result.t = static_cast<float>(c - static_cast<double>(result.first));
  return result;
}

CONSILIUM_INLINE float Lerp(float t, float a, float b) { return __builtin_fmaf(t, b - a, a); }

// The part of a row of IndexAffine::m that does not depend on i.
CONSILIUM_INLINE double Base(const double* m, double j, double k) {
  return __builtin_fma(m[1], j, __builtin_fma(m[2], k, m[3]));
}

inline bool HasParallelAxes(const double* m) {
  return m[1] == 0 && m[2] == 0 && m[4] == 0 && m[6] == 0 && m[8] == 0 && m[9] == 0;
}

}  // namespace consilium
