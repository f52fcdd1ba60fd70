// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cuda/module_abi.h"

namespace consilium {

// The reference implementation behind Resample() (cuda/ops/resample.h). Arguments are checked by the caller.
// One order of operations, for the kernel too:
//   p = m * (i, j, k, 1) in double: fma(m0, i, fma(m1, j, fma(m2, k, m3)))
//   in both columns x0, x1 beside p.x: stored values along y, then fma(slope, v, intercept), then along z
//   along x, clip, fma(value, scale, shift);   lerp(t, a, b) = fma(t, b - a, a) in float
void ResampleCpu(const ConsiliumResample& what, const std::int16_t* voxels, const float* slope, const float* intercept,
                 float* output);

}  // namespace consilium
