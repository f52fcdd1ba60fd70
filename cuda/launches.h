// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cuda/module_abi.h"

namespace consilium {

// The operations inside libconsilium_cuda.so, one in each x_cuda.cu: copy to the GPU, run, copy back, wait. They throw
// CudaError; cuda/module_main.cu puts them into the module's table.
void ResampleCuda(int gpu, const ConsiliumResample& what, const std::int16_t* voxels, const float* slope,
                  const float* intercept, float* output);
std::uint64_t AddFixedPointCuda(int gpu, const float* delta, std::int64_t count, std::int64_t weight,
                                std::int64_t* sum);  // how many were refused; if any, `sum` is as it was
void NearestDistanceCuda(int gpu, const ConsiliumNearest& what, const std::uint8_t* set, const std::int64_t* at,
                         double* squared);
void ArgmaxResampleCuda(int gpu, const ConsiliumArgmax& what, const float* scores, std::uint8_t* labels);

}  // namespace consilium
