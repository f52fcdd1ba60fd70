// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/base/error.h"
#include "core/model/safetensors.h"

// A parameter file with any bytes is refused with an Error or read; what was read is written and read again the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace consilium;
  ParametersFile file;
  try {
    file = ParseParameters(std::as_bytes(std::span(data, size)), "input");
  } catch (const Error& error) {
    Ensure(error.code() == ErrorCode::kInvalidArgument, error.what());
    return 0;
  }
  const auto bytes = SerializeParameters(file.parameters, file.metadata);
  const ParametersFile again = ParseParameters(bytes, "again");
  Ensure(SerializeParameters(again.parameters, again.metadata) == bytes, "what was written reads differently");
  return 0;
}
