// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/base/clock.h"

namespace consilium {

// Time that moves when a test says so; both clocks together. Starts at 2026-03-02T14:00:00Z. Any thread.
class FakeClock : public Clock {
 public:
  WallTime Wall() const override { return WallTime(std::chrono::milliseconds(kStart + passed_ms_)); }
  MonotonicTime Monotonic() const override { return MonotonicTime(std::chrono::milliseconds(passed_ms_)); }
  void Advance(std::chrono::milliseconds time) { passed_ms_ += time.count(); }

 private:
  static constexpr std::int64_t kStart = 1'772'460'000'000;
  std::atomic<std::int64_t> passed_ms_{0};
};

}  // namespace consilium
