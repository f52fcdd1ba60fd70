// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "tests/support/expect_error.h"

namespace consilium {
namespace {

TEST(InParallel, DoesEachOnceOnNoMoreThreadsThanAsked) {
  for (const int threads : {1, 2, 5}) {
    std::vector<int> times(1000);
    std::atomic<int> highest = 0;
    InParallel(1000, threads, {}, [&](int thread, std::int64_t i) {
      ++times[static_cast<std::size_t>(i)];
      for (int seen = highest; thread > seen && !highest.compare_exchange_weak(seen, thread);) {
      }
    });
    EXPECT_EQ(times, std::vector<int>(1000, 1));
    EXPECT_LT(highest, threads);
  }
  InParallel(0, 3, {}, [](int, std::int64_t) { FAIL(); });
}

TEST(InParallel, TellsTheLowestFailureAndBeginsNoMore) {
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::atomic<int> begun = 0;
    ExpectError(ErrorCode::kDataLoss, "number 7", [&] {
      InParallel(100'000, 3, {}, [&](int, std::int64_t i) {
        ++begun;
        if (i >= 7) throw Error(ErrorCode::kDataLoss, "number " + std::to_string(i));
      });
    });
    EXPECT_LT(begun, 20);
  }
}

TEST(InParallel, Stops) {
  std::stop_source stop;
  std::atomic<int> begun = 0;
  ExpectError(ErrorCode::kCancelled, "stopped before all of it", [&] {
    InParallel(100'000, 2, stop.get_token(), [&](int, std::int64_t) {
      if (++begun == 10) stop.request_stop();
    });
  });
  EXPECT_LT(begun, 20);
}

}  // namespace
}  // namespace consilium
