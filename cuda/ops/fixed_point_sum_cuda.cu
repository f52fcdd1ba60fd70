// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda/device_buffer.h"
#include "cuda/device_context.cuh"
#include "cuda/launches.h"
#include "cuda/ops/fixed_point_sum_kernel.cuh"
#include "cuda/stream.h"

namespace consilium {

std::uint64_t AddFixedPointCuda(int gpu, const float* delta, std::int64_t count, std::int64_t weight,
                                std::int64_t* sum) {
  using Kernel = FixedPointSumKernel;
  constexpr std::int64_t kMostBlocks = 4096;  // fills any GPU; threads take several turns beyond it
  const CurrentGpu current(gpu);
  const Stream stream;
  DeviceBuffer<float> deltas(static_cast<std::size_t>(count), stream.view());
  DeviceBuffer<std::int64_t> sums(static_cast<std::size_t>(count), stream.view());
  DeviceBuffer<std::uint64_t> refused(1, stream.view());
  deltas.CopyFrom(delta);
  sums.CopyFrom(sum);
  refused.Zero();
  const auto blocks = static_cast<unsigned>(std::min((count + Kernel::kBlock - 1) / Kernel::kBlock, kMostBlocks));
  RunKernel<Kernel><<<blocks, Kernel::kBlock, Kernel::kSharedBytes, stream.view().get()>>>(
      static_cast<const float*>(deltas.data()), count, static_cast<std::uint64_t>(weight), sums.data(), refused.data());
  CudaCheck(cudaGetLastError(), "the launch of the fixed-point sum");
  std::uint64_t bad = 0;
  refused.CopyTo(&bad);
  stream.view().Wait();
  if (bad > 0) return bad;  // the host's sum was not touched yet
  sums.CopyTo(sum);
  stream.view().Wait();
  return 0;
}

}  // namespace consilium
