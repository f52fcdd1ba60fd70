// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "cuda/cuda_error.h"
#include "cuda/launches.h"
#include "cuda/module_abi.h"

namespace consilium {
namespace {

void Set(ConsiliumStatus* status, int code, std::string_view text) {
  status->code = code;
  const std::size_t length = std::min(text.size(), sizeof(status->text) - 1);
  std::memcpy(status->text, text.data(), length);
  status->text[length] = '\0';
}

// The wall: nothing is thrown out of the module.
template <class Body>
void Guard(ConsiliumStatus* status, Body body) {
  try {
    body();
    Set(status, kConsiliumOk, "");
  } catch (const CudaError& error) {
    Set(status, error.code() == cudaErrorMemoryAllocation ? kConsiliumOutOfMemory : kConsiliumFailed, error.what());
  } catch (const std::exception& error) {
    Set(status, kConsiliumFailed, error.what());
  }
}

void Probe(int* driver_version, int* gpus, ConsiliumStatus* status) {
  *driver_version = 0;
  *gpus = 0;
  Guard(status, [&] {
    CudaCheck(cudaDriverGetVersion(driver_version), "cudaDriverGetVersion");
    CudaCheck(cudaGetDeviceCount(gpus), "cudaGetDeviceCount");
  });
  if (status->code != kConsiliumOk) *gpus = 0;
}

void Describe(int gpu, ConsiliumGpu* out, ConsiliumStatus* status) {
  Guard(status, [&] {
    cudaDeviceProp properties{};
    CudaCheck(cudaGetDeviceProperties(&properties, gpu), "cudaGetDeviceProperties");
    static_assert(sizeof(out->name) == sizeof(properties.name));
    std::memcpy(out->name, properties.name, sizeof(out->name));
    out->major = properties.major;
    out->minor = properties.minor;
    out->memory_bytes = properties.totalGlobalMem;
  });
}

void Resample(int gpu, const ConsiliumResample* what, const std::int16_t* voxels, const float* slope,
              const float* intercept, float* output, ConsiliumStatus* status) {
  Guard(status, [&] { ResampleCuda(gpu, *what, voxels, slope, intercept, output); });
}

void AddFixedPoint(int gpu, const float* delta, std::int64_t count, std::int64_t weight, std::int64_t* sum,
                   std::uint64_t* refused, ConsiliumStatus* status) {
  *refused = 0;
  Guard(status, [&] { *refused = AddFixedPointCuda(gpu, delta, count, weight, sum); });
}

void NearestDistance(int gpu, const ConsiliumNearest* what, const std::uint8_t* set, const std::int64_t* at,
                     double* squared, ConsiliumStatus* status) {
  Guard(status, [&] { NearestDistanceCuda(gpu, *what, set, at, squared); });
}

void ArgmaxResample(int gpu, const ConsiliumArgmax* what, const float* scores, std::uint8_t* labels,
                    ConsiliumStatus* status) {
  Guard(status, [&] { ArgmaxResampleCuda(gpu, *what, scores, labels); });
}

constexpr ConsiliumCudaModule kTable = {.abi_version = kCudaAbiVersion,
                                        .runtime_version = CUDART_VERSION,
                                        .probe = Probe,
                                        .describe = Describe,
                                        .resample = Resample,
                                        .add_fixed_point = AddFixedPoint,
                                        .nearest_distance = NearestDistance,
                                        .argmax_resample = ArgmaxResample};

}  // namespace
}  // namespace consilium

extern "C" __attribute__((visibility("default"))) const ConsiliumCudaModule* ConsiliumCuda() {
  return &consilium::kTable;
}
