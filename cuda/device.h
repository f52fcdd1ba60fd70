// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace consilium {

enum class DeviceKind { kCpu, kCuda };

// Where numbers are worked on: the processor, or one GPU by its CUDA index. The default is the processor.
struct Device {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;  // 0 for the processor
  friend auto operator<=>(const Device&, const Device&) = default;
};

// "auto" (the first GPU that can be used, else the processor), "cpu", "cuda" (= "cuda:0") or "cuda:N".
// Throws Error(kInvalidArgument) for other words and Error(kUnavailable) with the reason for a GPU that is not there.
Device ParseDevice(std::string_view text);

// "cpu" or "cuda:N".
std::string ToString(Device device);
std::ostream& operator<<(std::ostream& out, Device device);

// The processor, then every GPU that can be used. The answer stays the same while the process runs.
std::vector<Device> AllDevices();

// Empty where a GPU can be used; else why not, in one sentence for a person.
std::string WhyNoCuda();

// One GPU, for people and for choosing sizes.
struct GpuInfo {
  std::string name;
  std::string compute_capability;  // "9.0"
  double memory_gb = 0;            // 10^9 bytes
};

struct GpuReport {
  std::string module_file;  // the libconsilium_cuda.so in use; empty if none could be opened
  std::string runtime;      // CUDA runtime inside it, "13.0"; empty without the module
  std::string driver;       // newest CUDA the driver knows, "13.0"; empty without a driver
  std::vector<GpuInfo> gpus;
};

// What was found at start.
const GpuReport& FoundGpus();

}  // namespace consilium
