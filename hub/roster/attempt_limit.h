// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "core/base/clock.h"

namespace consilium {

// Counts attempts by address over the last minute: a token cannot be guessed by trying. At most 1,000 addresses are
// remembered; beyond them everybody waits. One thread.
class AttemptLimit {
 public:
  explicit AttemptLimit(std::int64_t per_minute) : per_minute_(per_minute) {}
  bool Allow(const std::string& address, MonotonicTime now);  // counts the attempt when it is allowed

 private:
  std::int64_t per_minute_;
  std::map<std::string, std::deque<MonotonicTime>> attempts_;
};

}  // namespace consilium
