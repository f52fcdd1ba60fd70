// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/kernel_context.h"
#include "cuda/module_abi.h"
#include "cuda/ops/trilinear_kernel.cuh"

namespace consilium {

// One output voxel for each turn of each thread, in the order of operations that cuda/ops/resample_cpu.h states. Any
// three-dimensional grid and block; no shared memory.
struct ResampleKernel {
  static constexpr Index3 kBlock = {32, 4, 2};

  template <KernelContext Context>
  CONSILIUM_KERNEL static void Run(Context& context, ConsiliumResample what, const std::int16_t* voxels,
                                   const float* slope, const float* intercept, float* output) {
    const Index3 t = context.ThreadIndex();
    const Index3 b = context.BlockIndex();
    const Index3 s = context.BlockSize();
    const Index3 g = context.GridSize();
    const Strided x = Along(t.x, b.x, s.x, g.x);
    const Strided y = Along(t.y, b.y, s.y, g.y);
    const Strided z = Along(t.z, b.z, s.z, g.z);
    for (std::int64_t k = z.first; k < what.out_z; k += z.step) {
      for (std::int64_t j = y.first; j < what.out_y; j += y.step) {
        for (std::int64_t i = x.first; i < what.out_x; i += x.step) {
          output[i + what.out_x * (j + what.out_y * k)] = At(context, what, voxels, slope, intercept, i, j, k);
        }
      }
    }
  }

 private:
  template <KernelContext Context>
  CONSILIUM_KERNEL static float At(Context& context, const ConsiliumResample& what, const std::int16_t* voxels,
                                   const float* slope, const float* intercept, std::int64_t i, std::int64_t j,
                                   std::int64_t k) {
    const KernelNeighbours x = NeighboursOf(context, what.m, what.in_x, i, j, k);
    const KernelNeighbours y = NeighboursOf(context, what.m + 4, what.in_y, i, j, k);
    const KernelNeighbours z = NeighboursOf(context, what.m + 8, what.in_z, i, j, k);
    if (!x.inside || !y.inside || !z.inside) return what.outside;
    float column[2];
    for (int side = 0; side < 2; ++side) {
      const std::int64_t at_x = side == 0 ? x.first : x.second;
      float physical[2];
      for (int depth = 0; depth < 2; ++depth) {
        const std::int64_t at_z = depth == 0 ? z.first : z.second;
        const std::int16_t* plane = voxels + at_z * what.in_x * what.in_y + at_x;
        const float stored = KernelLerp(context, y.t, static_cast<float>(plane[y.first * what.in_x]),
                                        static_cast<float>(plane[y.second * what.in_x]));
        physical[depth] = context.Fma(slope[at_z], stored, intercept[at_z]);
      }
      column[side] = KernelLerp(context, z.t, physical[0], physical[1]);
    }
    float value = KernelLerp(context, x.t, column[0], column[1]);
    value = value < what.low ? what.low : value;
    value = value > what.high ? what.high : value;
    return context.Fma(value, what.scale, what.shift);
  }
};

}  // namespace consilium
