// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/roster/attempt_limit.h"

namespace consilium {
namespace {

constexpr std::size_t kMostAddresses = 1000;

}  // namespace

bool AttemptLimit::Allow(const std::string& address, MonotonicTime now) {
  for (auto entry = attempts_.begin(); entry != attempts_.end();) {
    auto& times = entry->second;
    while (!times.empty() && now - times.front() >= std::chrono::minutes(1)) times.pop_front();
    entry = times.empty() ? attempts_.erase(entry) : std::next(entry);
  }
  if (!attempts_.contains(address) && attempts_.size() >= kMostAddresses) return false;
  auto& times = attempts_[address];
  if (static_cast<std::int64_t>(times.size()) >= per_minute_) return false;
  times.push_back(now);
  return true;
}

}  // namespace consilium
