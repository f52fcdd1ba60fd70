// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <exception>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>

#include "tests/support/host_blocks.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace consilium {
namespace {

namespace context = boost::context;

// AddressSanitizer must know which stack is in use. Each switch is announced before it and finished after it; in
// other builds these are nothing.
struct StackPlace {
  const void* bottom = nullptr;
  std::size_t size = 0;
};

#if defined(__SANITIZE_ADDRESS__)
void AnnounceSwitch(void** keep, const StackPlace& to) { __sanitizer_start_switch_fiber(keep, to.bottom, to.size); }
void FinishSwitch(void* kept, StackPlace* from) {
  __sanitizer_finish_switch_fiber(kept, from == nullptr ? nullptr : &from->bottom,
                                  from == nullptr ? nullptr : &from->size);
}
#else
void AnnounceSwitch(void** /*keep*/, const StackPlace& /*to*/) {}
void FinishSwitch(void* /*kept*/, StackPlace* /*from*/) {}
#endif

enum class Waiting { kForTurn, kForThreads, kForWarp, kNever };  // kNever: it has ended

// One stack a thread, used again by every block.
struct Lane {
  context::fiber fiber;  // where it goes on, while it waits
  Waiting waiting = Waiting::kForTurn;
  context::stack_context stack;
  void* fake_stack = nullptr;  // AddressSanitizer's

  StackPlace Place() const { return {static_cast<std::byte*>(stack.sp) - stack.size, stack.size}; }
};

// Thrown on the stack of a thread that waits while another one failed.
struct Cancelled : std::exception {};

struct KeepStack {
  context::stack_context stack;
  context::stack_context allocate() { return stack; }
  void deallocate(context::stack_context& /*stack*/) {}
};

class FiberRunner : public HostBlockRunner, private HostBlock {
 public:
  explicit FiberRunner(const HostLaunch& launch)
      : launch_(launch), lanes_(ThreadsOf(launch)), turns_(lanes_.size()), random_(launch.seed) {
    of_lane.resize(lanes_.size());
    for (Lane& lane : lanes_) lane.stack = allocator_.allocate();
    std::iota(turns_.begin(), turns_.end(), 0U);
    if (launch.order == HostOrder::kReverse) std::ranges::reverse(turns_);
  }
  ~FiberRunner() override {
    for (Lane& lane : lanes_) allocator_.deallocate(lane.stack);
  }
  FiberRunner(const FiberRunner&) = delete;
  FiberRunner& operator=(const FiberRunner&) = delete;

  void Run(Index3 block, std::byte* shared_memory, const std::function<void(HostContext&)>& body) override {
    shared = shared_memory;
    error_ = nullptr;
    cancelled_ = false;
    for (std::uint32_t t = 0; t < lanes_.size(); ++t) Start(t, block, body);
    while (!AllEnded() && !error_) {
      GiveTurns();
      ReleaseWarps();
      ReleaseBlock();
      NoteIfNobodyGoesOn();
    }
    if (!error_) return;
    cancelled_ = true;  // those that still wait leave their bodies
    for (Lane& lane : lanes_) {
      if (lane.waiting != Waiting::kNever) Resume(lane);
    }
    std::rethrow_exception(error_);
  }

 private:
  void SyncThreads(std::uint32_t thread) override { Wait(thread, Waiting::kForThreads); }
  void SyncWarp(std::uint32_t thread) override { Wait(thread, Waiting::kForWarp); }

  void Start(std::uint32_t t, Index3 block, const std::function<void(HostContext&)>& body) {
    Lane& lane = lanes_[t];
    lane.waiting = Waiting::kForTurn;
    const context::preallocated place(lane.stack.sp, lane.stack.size, lane.stack);
    lane.fiber = context::fiber(std::allocator_arg, place, KeepStack{lane.stack},
                                [this, t, block, &body](context::fiber&& from) {
                                  FinishSwitch(nullptr, &scheduler_);
                                  back_ = std::move(from);
                                  HostContext threads(*this, launch_, block, ThreadAt(launch_, t));
                                  try {
                                    if (!cancelled_) body(threads);
                                  } catch (const std::exception&) {
                                    if (!error_) error_ = std::current_exception();
                                  }
                                  lanes_[t].waiting = Waiting::kNever;
                                  AnnounceSwitch(nullptr, scheduler_);  // nullptr: this stack is done with
                                  return std::move(back_);
                                });
  }

  // On the scheduler's stack: lets a thread run until it waits or ends.
  void Resume(Lane& lane) {
    void* mine = nullptr;
    AnnounceSwitch(&mine, lane.Place());
    lane.fiber = std::move(lane.fiber).resume();
    FinishSwitch(mine, nullptr);
  }

  // On a thread's stack: back to the scheduler.
  void Wait(std::uint32_t thread, Waiting what) {
    Lane& lane = lanes_[thread];
    lane.waiting = what;
    AnnounceSwitch(&lane.fake_stack, scheduler_);
    context::fiber from = std::move(back_).resume();
    FinishSwitch(lane.fake_stack, nullptr);
    back_ = std::move(from);
    if (cancelled_) throw Cancelled();
  }

  bool AllEnded() const {
    return std::ranges::all_of(lanes_, [](const Lane& lane) { return lane.waiting == Waiting::kNever; });
  }

  void GiveTurns() {
    if (launch_.order == HostOrder::kShuffled) std::ranges::shuffle(turns_, random_);
    for (const std::uint32_t t : turns_) {
      if (lanes_[t].waiting == Waiting::kForTurn) Resume(lanes_[t]);
    }
  }

  // A warp goes on when all its lanes wait at a warp operation.
  void ReleaseWarps() {
    for (std::size_t first = 0; first < lanes_.size(); first += kWarpSize) {
      const auto warp = std::span(lanes_).subspan(first, std::min<std::size_t>(kWarpSize, lanes_.size() - first));
      Release(warp, Waiting::kForWarp);
    }
  }
  void ReleaseBlock() { Release(lanes_, Waiting::kForThreads); }

  static void Release(std::span<Lane> lanes, Waiting what) {
    if (!std::ranges::all_of(lanes, [&](const Lane& lane) { return lane.waiting == what; })) return;
    for (Lane& lane : lanes) lane.waiting = Waiting::kForTurn;
  }

  void NoteIfNobodyGoesOn() {
    const auto any = [&](Waiting what) {
      return std::ranges::any_of(lanes_, [&](const Lane& lane) { return lane.waiting == what; });
    };
    if (error_ || any(Waiting::kForTurn) || AllEnded()) return;
    const std::string where = any(Waiting::kForWarp) ? "the warp operation" : "SyncThreads";
    error_ = std::make_exception_ptr(std::logic_error("not every thread reached " + where));
  }

  HostLaunch launch_;
  context::fixedsize_stack allocator_{std::size_t{128} * 1024};
  std::vector<Lane> lanes_;
  std::vector<std::uint32_t> turns_;
  std::mt19937_64 random_;
  context::fiber back_;   // the scheduler, while a thread runs
  StackPlace scheduler_;  // its stack, told by AddressSanitizer
  std::exception_ptr error_;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<HostBlockRunner> MakeFiberRunner(const HostLaunch& launch) {
  return std::make_unique<FiberRunner>(launch);
}

}  // namespace consilium
