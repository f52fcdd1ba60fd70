// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace consilium {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using MonotonicTime = std::chrono::steady_clock::time_point;

// The seam to time. Deadlines use Monotonic; people and certificates see Wall (UTC).
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Wall() const = 0;
  virtual MonotonicTime Monotonic() const = 0;
};

Clock& SystemClock();

std::string ToIso8601(WallTime time);  // 2026-03-02T14:02:07.120Z

}  // namespace consilium
