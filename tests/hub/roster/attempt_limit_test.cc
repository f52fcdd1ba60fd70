// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/roster/attempt_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace consilium {
namespace {

using namespace std::chrono_literals;
constexpr MonotonicTime kStart{};

TEST(AttemptLimit, CountsTheLastMinuteOfEachAddress) {
  AttemptLimit limit(2);
  EXPECT_TRUE(limit.Allow("a", kStart));
  EXPECT_TRUE(limit.Allow("a", kStart + 30s));
  EXPECT_FALSE(limit.Allow("a", kStart + 59s));
  EXPECT_TRUE(limit.Allow("b", kStart + 59s));
  EXPECT_TRUE(limit.Allow("a", kStart + 60s));
  EXPECT_FALSE(limit.Allow("a", kStart + 61s));
}

TEST(AttemptLimit, ARefusedAttemptDoesNotMakeTheWaitLonger) {
  AttemptLimit limit(1);
  EXPECT_TRUE(limit.Allow("a", kStart));
  for (int s = 1; s < 60; ++s) EXPECT_FALSE(limit.Allow("a", kStart + std::chrono::seconds(s)));
  EXPECT_TRUE(limit.Allow("a", kStart + 60s));
}

}  // namespace
}  // namespace consilium
