// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/kernel_context.h"
#include "cuda/module_abi.h"
#include "cuda/ops/trilinear_kernel.cuh"

namespace consilium {

// One output voxel for each turn of each thread, which asks every class: the definition of ArgmaxResample(). Any
// three-dimensional grid and block; no shared memory.
struct ArgmaxResampleKernel {
  static constexpr Index3 kBlock = {32, 4, 2};

  template <KernelContext Context>
  CONSILIUM_KERNEL static void Run(Context& context, ConsiliumArgmax what, const float* scores, std::uint8_t* labels) {
    const Index3 t = context.ThreadIndex(), b = context.BlockIndex(), s = context.BlockSize(), g = context.GridSize();
    const Strided x = Along(t.x, b.x, s.x, g.x), y = Along(t.y, b.y, s.y, g.y), z = Along(t.z, b.z, s.z, g.z);
    for (std::int64_t k = z.first; k < what.out_z; k += z.step) {
      for (std::int64_t j = y.first; j < what.out_y; j += y.step) {
        for (std::int64_t i = x.first; i < what.out_x; i += x.step) {
          labels[i + what.out_x * (j + what.out_y * k)] = At(context, what, scores, i, j, k);
        }
      }
    }
  }

 private:
  template <KernelContext Context>
  CONSILIUM_KERNEL static std::uint8_t At(Context& context, const ConsiliumArgmax& what, const float* scores,
                                          std::int64_t i, std::int64_t j, std::int64_t k) {
    const KernelNeighbours x = NeighboursOf(context, what.m, what.in_x, i, j, k);
    const KernelNeighbours y = NeighboursOf(context, what.m + 4, what.in_y, i, j, k);
    const KernelNeighbours z = NeighboursOf(context, what.m + 8, what.in_z, i, j, k);
    if (!x.inside || !y.inside || !z.inside) return what.outside;
    const std::int64_t plane = what.in_x * what.in_y;
    const std::int64_t y0z0 = z.first * plane + y.first * what.in_x, y1z0 = z.first * plane + y.second * what.in_x;
    const std::int64_t y0z1 = z.second * plane + y.first * what.in_x, y1z1 = z.second * plane + y.second * what.in_x;
    float best = 0;
    std::int64_t winner = 0;
    for (std::int64_t c = 0; c < what.classes; ++c) {
      const float* of = scores + c * plane * what.in_z;
      float column[2];
      for (int side = 0; side < 2; ++side) {
        const float* at = of + (side == 0 ? x.first : x.second);
        column[side] = KernelLerp(context, z.t, KernelLerp(context, y.t, at[y0z0], at[y1z0]),
                                  KernelLerp(context, y.t, at[y0z1], at[y1z1]));
      }
      const float score = KernelLerp(context, x.t, column[0], column[1]);
      if (c == 0 || score > best) {
        best = score;
        winner = c;
      }
    }
    return static_cast<std::uint8_t>(winner);
  }
};

}  // namespace consilium
