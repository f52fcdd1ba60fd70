// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda/device_buffer.h"
#include "cuda/device_context.cuh"
#include "cuda/launches.h"
#include "cuda/ops/resample_kernel.cuh"
#include "cuda/stream.h"

namespace consilium {
namespace {

unsigned Blocks(std::int64_t count, std::uint32_t block) {
  constexpr std::int64_t kMost = 65535;  // the hardware's limit along y and z; threads take several turns beyond it
  return static_cast<unsigned>(std::min((count + block - 1) / block, kMost));
}

}  // namespace

void ResampleCuda(int gpu, const ConsiliumResample& what, const std::int16_t* voxels, const float* slope,
                  const float* intercept, float* output) {
  const CurrentGpu current(gpu);
  const Stream stream;
  const auto slices = static_cast<std::size_t>(what.in_z);
  DeviceBuffer<std::int16_t> in(static_cast<std::size_t>(what.in_x * what.in_y) * slices, stream.view());
  DeviceBuffer<float> slopes(slices, stream.view());
  DeviceBuffer<float> intercepts(slices, stream.view());
  DeviceBuffer<float> out(static_cast<std::size_t>(what.out_x * what.out_y * what.out_z), stream.view());
  in.CopyFrom(voxels);
  slopes.CopyFrom(slope);
  intercepts.CopyFrom(intercept);
  constexpr Index3 kBlock = ResampleKernel::kBlock;
  const dim3 grid(Blocks(what.out_x, kBlock.x), Blocks(what.out_y, kBlock.y), Blocks(what.out_z, kBlock.z));
  RunKernel<ResampleKernel><<<grid, dim3(kBlock.x, kBlock.y, kBlock.z), 0, stream.view().get()>>>(
      what, static_cast<const std::int16_t*>(in.data()), static_cast<const float*>(slopes.data()),
      static_cast<const float*>(intercepts.data()), out.data());
  CudaCheck(cudaGetLastError(), "the launch of resample");
  out.CopyTo(output);
  stream.view().Wait();
}

}  // namespace consilium
