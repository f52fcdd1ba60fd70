// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/kernel_context.h"

// For the bodies of kernels that interpolate: the same bits as cuda/ops/trilinear_cpu.h.
namespace consilium {

struct KernelNeighbours {
  std::int64_t first, second;
  float t;
  bool inside;
};

// `m` is a row of IndexAffine::m, `n` the voxels of the axis, (i, j, k) the output voxel.
template <KernelContext Context>
CONSILIUM_KERNEL inline KernelNeighbours NeighboursOf(Context& context, const double* m, std::int64_t n, std::int64_t i,
                                                      std::int64_t j, std::int64_t k) {
  double p = context.Fma(m[2], static_cast<double>(k), m[3]);
  p = context.Fma(m[1], static_cast<double>(j), p);
  p = context.Fma(m[0], static_cast<double>(i), p);
  const auto last = static_cast<double>(n - 1);
  if (!(p >= -0.5 && p <= last + 0.5)) return {0, 0, 0, false};
  p = p < 0 ? 0 : p;
  p = p > last ? last : p;
  const auto first = static_cast<std::int64_t>(p);
  return {first, first + 1 < n ? first + 1 : first, static_cast<float>(p - static_cast<double>(first)), true};
}

template <KernelContext Context>
CONSILIUM_KERNEL inline float KernelLerp(Context& context, float t, float a, float b) {
  return context.Fma(t, b - a, a);
}

}  // namespace consilium
