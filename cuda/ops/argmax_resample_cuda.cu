// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda/device_buffer.h"
#include "cuda/device_context.cuh"
#include "cuda/launches.h"
#include "cuda/ops/argmax_resample_kernel.cuh"
#include "cuda/stream.h"

namespace consilium {
namespace {

unsigned Blocks(std::int64_t count, std::uint32_t block) {
  constexpr std::int64_t kMost = 65535;  // the hardware's limit along y and z; threads take several turns beyond it
  return static_cast<unsigned>(std::min((count + block - 1) / block, kMost));
}

}  // namespace

void ArgmaxResampleCuda(int gpu, const ConsiliumArgmax& what, const float* scores, std::uint8_t* labels) {
  const CurrentGpu current(gpu);
  const Stream stream;
  DeviceBuffer<float> in(static_cast<std::size_t>(what.classes * what.in_x * what.in_y * what.in_z), stream.view());
  DeviceBuffer<std::uint8_t> out(static_cast<std::size_t>(what.out_x * what.out_y * what.out_z), stream.view());
  in.CopyFrom(scores);
  constexpr Index3 kBlock = ArgmaxResampleKernel::kBlock;
  const dim3 grid(Blocks(what.out_x, kBlock.x), Blocks(what.out_y, kBlock.y), Blocks(what.out_z, kBlock.z));
  RunKernel<ArgmaxResampleKernel><<<grid, dim3(kBlock.x, kBlock.y, kBlock.z), 0, stream.view().get()>>>(
      what, static_cast<const float*>(in.data()), out.data());
  CudaCheck(cudaGetLastError(), "the launch of argmax");
  out.CopyTo(labels);
  stream.view().Wait();
}

}  // namespace consilium
