// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/backoff.h"

#include <gtest/gtest.h>

namespace consilium {
namespace {

TEST(Backoff, DoublesUpToItsLimitWithJitterInTheUpperHalf) {
  Backoff backoff(1, 60, 7);
  double most = 1;
  for (int i = 0; i < 12; ++i) {
    const double wait = backoff.Next().count();
    EXPECT_GE(wait, most / 2);
    EXPECT_LE(wait, most);
    most = std::min(2 * most, 60.0);
  }
  EXPECT_EQ(most, 60);
}

TEST(Backoff, StartsAgainAfterASuccess) {
  Backoff backoff(1, 60, 7);
  for (int i = 0; i < 8; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next().count(), 1);
}

TEST(Backoff, ALowerLimitHoldsFromTheNextWaitOn) {
  Backoff backoff(1, 60, 7);
  for (int i = 0; i < 8; ++i) backoff.Next();
  backoff.Limit(0.5);
  for (int i = 0; i < 4; ++i) EXPECT_LE(backoff.Next().count(), 0.5);
}

TEST(Backoff, SitesDoNotComeBackTogether) {
  Backoff one(1, 60, 1), other(1, 60, 2);
  EXPECT_NE(one.Next().count(), other.Next().count());
}

}  // namespace
}  // namespace consilium
