// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "cuda/device.h"
#include "cuda/module_abi.h"

namespace consilium {

// What came of opening libconsilium_cuda.so. Inside cuda/ and its tests only.
struct CudaModule {
  const ConsiliumCudaModule* table = nullptr;  // null: not opened
  std::string why_not;                         // empty: at least one GPU can be used
  GpuReport report;
};

// Opens the first file of `places` that exists (RTLD_NOW | RTLD_LOCAL, never closed again) and asks it for GPUs.
// Never throws: whatever is missing is told in `why_not`.
CudaModule OpenCudaModule(std::span<const std::filesystem::path> places);

// Beside the running program: its folder, ../lib and ../lib/consilium. Nothing is taken from the environment.
std::vector<std::filesystem::path> CudaModulePlaces();

// The process's module, opened at the first call. Thread-safe.
const CudaModule& TheCudaModule();

// Its table for a device of kind kCuda; throws Error(kUnavailable) with the reason when that GPU is not there.
const ConsiliumCudaModule& CudaTable(Device device);

// Throws Error(kResourceExhausted or kInternal) unless `status` is ok. `what` begins the sentence.
void RequireOk(const ConsiliumStatus& status, std::string_view what, Device device,
               SourceLocation where = SourceLocation::Here());

}  // namespace consilium
