// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/device.h"

#include <charconv>

#include "core/base/error.h"
#include "cuda/module.h"

namespace consilium {

Device ParseDevice(std::string_view text) {
  if (text == "cpu") return {};
  if (text == "auto") return WhyNoCuda().empty() ? Device{DeviceKind::kCuda, 0} : Device{};
  constexpr std::string_view kPrefix = "cuda:";
  Device device{DeviceKind::kCuda, 0};
  bool good = text == "cuda";
  if (text.starts_with(kPrefix)) {
    const std::string_view number = text.substr(kPrefix.size());
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), device.index);
    good = error == std::errc{} && end == number.data() + number.size() && device.index >= 0;
  }
  Require(good, "device '" + std::string(text) + "' is not known.", "Write auto, cpu or cuda:N (N from 0).");
  CudaTable(device);  // throws with the reason when it is not there
  return device;
}

std::string ToString(Device device) {
  return device.kind == DeviceKind::kCpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

std::ostream& operator<<(std::ostream& out, Device device) { return out << ToString(device); }

std::vector<Device> AllDevices() {
  std::vector<Device> devices = {Device{}};
  const auto count = static_cast<int>(FoundGpus().gpus.size());
  for (int i = 0; i < count; ++i) devices.push_back({DeviceKind::kCuda, i});
  return devices;
}

std::string WhyNoCuda() { return TheCudaModule().why_not; }

const GpuReport& FoundGpus() { return TheCudaModule().report; }

}  // namespace consilium
