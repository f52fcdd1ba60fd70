// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "cuda/device.h"

namespace consilium {

// The end of a test's name when it runs on every device: Cpu, Cuda0, ...
inline std::string DeviceName(const testing::TestParamInfo<Device>& test) {
  return test.param.kind == DeviceKind::kCpu ? "Cpu" : "Cuda" + std::to_string(test.param.index);
}

}  // namespace consilium
