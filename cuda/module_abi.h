// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// What libconsilium_cuda.so offers: one C table, so that no C++ type, exception or allocation crosses the wall and
// the program never links the module. Pointers are host memory unless said otherwise. Every function is safe to call
// from any thread, sets `status` and throws nothing.
extern "C" {

enum ConsiliumStatusCode { kConsiliumOk = 0, kConsiliumOutOfMemory = 1, kConsiliumFailed = 2 };

struct ConsiliumStatus {
  int code;  // ConsiliumStatusCode
  char text[512];
};

struct ConsiliumGpu {
  char name[256];
  int major, minor;
  std::uint64_t memory_bytes;
};

// The numbers of one resampling (cuda/ops/resample.h), checked by the caller. Passed to the kernel as it is.
struct ConsiliumResample {
  std::int64_t in_x, in_y, in_z;
  std::int64_t out_x, out_y, out_z;
  double m[12];        // output index -> input index, row-major
  float low, high;     // clip
  float scale, shift;  // then fma(value, scale, shift)
  float outside;       // already normalised
};

// The numbers of one search for nearest voxels (cuda/ops/nearest_distance.h), checked by the caller.
struct ConsiliumNearest {
  std::int64_t x, y, z;  // voxels
  double sx, sy, sz;     // spacing, mm
  std::int64_t points;   // whose distance is asked for
};

// The numbers of one choice of classes (cuda/ops/argmax_resample.h), checked by the caller.
struct ConsiliumArgmax {
  std::int64_t classes;  // at most 256
  std::int64_t in_x, in_y, in_z;
  std::int64_t out_x, out_y, out_z;
  double m[12];  // output index -> input index, row-major
  std::uint8_t outside;
};

struct ConsiliumCudaModule {
  std::uint32_t abi_version;
  int runtime_version;  // 13000 = 13.0

  // The newest CUDA version the driver knows, 0 without a driver; the number of GPUs. Any problem is in `status`.
  void (*probe)(int* driver_version, int* gpus, ConsiliumStatus* status);
  void (*describe)(int gpu, ConsiliumGpu* out, ConsiliumStatus* status);

  void (*resample)(int gpu, const ConsiliumResample* what, const std::int16_t* voxels, const float* slope,
                   const float* intercept, float* output, ConsiliumStatus* status);
  // Adds nothing at all when `refused` (elements out of range) comes back above 0.
  void (*add_fixed_point)(int gpu, const float* delta, std::int64_t count, std::int64_t weight, std::int64_t* sum,
                          std::uint64_t* refused, ConsiliumStatus* status);
  void (*nearest_distance)(int gpu, const ConsiliumNearest* what, const std::uint8_t* set, const std::int64_t* at,
                           double* squared, ConsiliumStatus* status);
  void (*argmax_resample)(int gpu, const ConsiliumArgmax* what, const float* scores, std::uint8_t* labels,
                          ConsiliumStatus* status);
};

// The one exported symbol. Never null.
const ConsiliumCudaModule* ConsiliumCuda();
}

namespace consilium {
inline constexpr std::uint32_t kCudaAbiVersion = 3;
inline constexpr char kCudaModuleFile[] = "libconsilium_cuda.so";
inline constexpr char kCudaModuleSymbol[] = "ConsiliumCuda";
}  // namespace consilium
