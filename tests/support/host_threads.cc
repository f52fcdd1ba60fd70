// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <barrier>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/support/host_blocks.h"

namespace consilium {
namespace {

// A barrier that a thread may also leave for good. Whoever waited in a phase in which another left is told so: on a
// GPU it would have waited for ever, or gone on too early.
class Meeting {
 public:
  explicit Meeting(std::uint32_t threads) : barrier_(threads, Count{this}) {}

  void ArriveAndWait(const char* what) {
    barrier_.arrive_and_wait();
    if (left_when_met_ > 0) throw std::logic_error(std::string("not every thread reached ") + what);
  }
  void Leave() {
    ++left_;
    barrier_.arrive_and_drop();
  }

 private:
  struct Count {
    Meeting* meeting;
    void operator()() noexcept { meeting->left_when_met_ = meeting->left_.load(); }
  };
  std::atomic<std::uint32_t> left_ = 0;
  std::uint32_t left_when_met_ = 0;  // written while all wait, read before anyone can meet again
  std::barrier<Count> barrier_;
};

class ThreadBlock : public HostBlock {
 public:
  ThreadBlock(std::uint32_t threads, std::byte* shared_memory) : all_(threads) {
    shared = shared_memory;
    of_lane.resize(threads);
    for (std::uint32_t first = 0; first < threads; first += kWarpSize) {
      warps_.emplace_back(std::min(kWarpSize, threads - first));
    }
  }

  void SyncThreads(std::uint32_t /*thread*/) override { all_.ArriveAndWait("SyncThreads"); }
  void SyncWarp(std::uint32_t thread) override { warps_[thread / kWarpSize].ArriveAndWait("the warp operation"); }
  void Leave(std::uint32_t thread) {
    all_.Leave();
    warps_[thread / kWarpSize].Leave();
  }

 private:
  Meeting all_;
  std::deque<Meeting> warps_;
};

class ThreadRunner : public HostBlockRunner {
 public:
  explicit ThreadRunner(const HostLaunch& launch) : launch_(launch) {}

  void Run(Index3 block_index, std::byte* shared, const std::function<void(HostContext&)>& body) override {
    ThreadBlock block(ThreadsOf(launch_), shared);
    std::mutex mutex;
    std::exception_ptr first_error;
    {
      std::vector<std::jthread> threads;
      for (std::uint32_t t = 0; t < ThreadsOf(launch_); ++t) {
        threads.emplace_back([&, t] {
          HostContext context(block, launch_, block_index, ThreadAt(launch_, t));
          try {
            body(context);
          } catch (const std::exception&) {
            const std::lock_guard lock(mutex);
            if (!first_error) first_error = std::current_exception();
          }
          block.Leave(t);
        });
      }
    }
    if (first_error) std::rethrow_exception(first_error);
  }

 private:
  HostLaunch launch_;
};

}  // namespace

std::unique_ptr<HostBlockRunner> MakeThreadRunner(const HostLaunch& launch) {
  return std::make_unique<ThreadRunner>(launch);
}

}  // namespace consilium
