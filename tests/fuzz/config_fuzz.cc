// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "core/base/error.h"
#include "core/round/run_plan.h"

// A run plan with any text is refused with an Error or read; what was read prints as text that reads as the same plan.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace consilium;
  RunPlan plan;
  try {
    plan = ParseRunPlan({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const Error& error) {
    Ensure(error.code() == ErrorCode::kInvalidArgument, error.what());
    return 0;
  }
  Ensure(ParseRunPlan(ToToml(plan), "again") == plan, "what was printed reads differently");
  return 0;
}
