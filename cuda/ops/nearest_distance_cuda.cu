// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda/device_buffer.h"
#include "cuda/device_context.cuh"
#include "cuda/launches.h"
#include "cuda/ops/nearest_distance_kernel.cuh"
#include "cuda/stream.h"

namespace consilium {
namespace {

constexpr std::int64_t kMostBlocks = 4096;  // fills any GPU; threads take several turns beyond it

unsigned Blocks(std::int64_t count, std::uint32_t block) {
  return static_cast<unsigned>(std::min((count + block - 1) / block, kMostBlocks));
}

dim3 Dim(const Index3& size) { return {size.x, size.y, size.z}; }

}  // namespace

void NearestDistanceCuda(int gpu, const ConsiliumNearest& what, const std::uint8_t* set, const std::int64_t* at,
                         double* squared) {
  using Rows = NearestRowsKernel;
  using Planes = NearestPlanesKernel;
  using Points = NearestPointsKernel;
  const CurrentGpu current(gpu);
  const Stream stream;
  const auto voxels = static_cast<std::size_t>(what.x * what.y * what.z);
  const auto points = static_cast<std::size_t>(what.points);
  DeviceBuffer<std::uint8_t> in(voxels, stream.view());
  DeviceBuffer<std::int64_t> places(points, stream.view());
  DeviceBuffer<double> rows(voxels, stream.view());
  DeviceBuffer<double> planes(voxels, stream.view());
  DeviceBuffer<double> out(points, stream.view());
  in.CopyFrom(set);
  places.CopyFrom(at);
  RunKernel<Rows><<<Blocks(what.y * what.z, Rows::kBlock.x), Dim(Rows::kBlock), 0, stream.view().get()>>>(
      what, static_cast<const std::uint8_t*>(in.data()), rows.data());
  CudaCheck(cudaGetLastError(), "the launch of the nearest distances along x");
  const dim3 grid(Blocks(what.x, Planes::kBlock.x), Blocks(what.y, Planes::kBlock.y), Blocks(what.z, Planes::kBlock.z));
  RunKernel<Planes><<<grid, Dim(Planes::kBlock), 0, stream.view().get()>>>(
      what, static_cast<const double*>(rows.data()), planes.data());
  CudaCheck(cudaGetLastError(), "the launch of the nearest distances along y");
  RunKernel<Points><<<Blocks(what.points, Points::kBlock.x), Dim(Points::kBlock), 0, stream.view().get()>>>(
      what, static_cast<const double*>(planes.data()), static_cast<const std::int64_t*>(places.data()), out.data());
  CudaCheck(cudaGetLastError(), "the launch of the nearest distances along z");
  out.CopyTo(squared);
  stream.view().Wait();
}

}  // namespace consilium
