// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/error.h"

namespace consilium {

int WorkingThreads() { return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 8U)); }

void InParallel(std::int64_t count, int threads, const std::stop_token& stop,
                const std::function<void(int thread, std::int64_t i)>& work) {
  std::atomic<std::int64_t> next = 0, done = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::int64_t failed_at = count;  // under the mutex, as the next
  std::exception_ptr failure;
  const auto run = [&](int thread) {
    while (!failed && !stop.stop_requested()) {
      const std::int64_t i = next++;
      if (i >= count) return;
      try {
        work(thread, i);
        ++done;
      } catch (...) {  // carried to the caller
        const std::lock_guard lock(mutex);
        failed = true;
        if (i < failed_at) failure = std::current_exception();
        failed_at = std::min(i, failed_at);
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    const auto wanted = std::min<std::int64_t>(threads, count);
    for (int thread = 1; thread < wanted; ++thread) helpers.emplace_back(run, thread);
    run(0);
  }
  if (failure) std::rethrow_exception(failure);
  if (done < count) throw Error(ErrorCode::kCancelled, "the work was stopped before all of it was done");
}

}  // namespace consilium
