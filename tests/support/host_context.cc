// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/host_context.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/host_blocks.h"

namespace consilium {
namespace {

constexpr std::byte kUnset{0xCD};  // what shared memory holds before a kernel writes to it
constexpr std::byte kGuard{0xFD};  // what lies before and behind it
constexpr std::size_t kGuardBytes = 64;

// Shared memory between guard bytes. In an AddressSanitizer build the sanitizer guards both sides instead, reads
// included.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t bytes)
      : bytes_(bytes), guard_(kUnderAddressSanitizer ? 0 : kGuardBytes), memory_(new std::byte[bytes + 2 * guard_]) {}

  std::byte* Fresh() {
    std::fill_n(memory_.get(), bytes_ + 2 * guard_, kGuard);
    std::fill_n(memory_.get() + guard_, bytes_, kUnset);
    return memory_.get() + guard_;
  }

  void RequireGuards() const {
    const auto untouched = [](std::byte b) { return b == kGuard; };
    const std::byte* behind = memory_.get() + guard_ + bytes_;
    if (std::all_of(memory_.get(), memory_.get() + guard_, untouched) &&
        std::all_of(behind, behind + guard_, untouched)) {
      return;
    }
    throw std::logic_error("the kernel wrote outside its " + std::to_string(bytes_) + " bytes of shared memory");
  }

 private:
  std::size_t bytes_, guard_;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, HostOrder order) {
  constexpr const char* kNames[] = {"Forward", "Reverse", "Shuffled", "Threads"};
  return out << kNames[static_cast<int>(order)];
}

std::vector<HostOrder> HostOrders() {
  if (kUnderThreadSanitizer) return {HostOrder::kThreads};
  return {HostOrder::kForward, HostOrder::kReverse, HostOrder::kShuffled, HostOrder::kThreads};
}

std::uint64_t HostContext::WarpSum(std::uint64_t value) {
  const std::uint32_t thread = ThreadInBlock(*this);
  if (host_->of_lane.size() % kWarpSize != 0) throw std::logic_error("warp operation in a block without whole warps");
  host_->of_lane[thread] = value;
  host_->SyncWarp(thread);
  std::uint64_t sum = 0;
  const std::uint32_t first = thread / kWarpSize * kWarpSize;
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) sum += host_->of_lane[first + lane];
  host_->SyncWarp(thread);  // nobody overwrites its lane before everybody has read
  return sum;
}

void RunOnHost(const HostLaunch& launch, const std::function<void(HostContext&)>& body) {
  SharedMemory shared(launch.shared_bytes);
  const std::unique_ptr<HostBlockRunner> runner =
      launch.order == HostOrder::kThreads ? MakeThreadRunner(launch) : MakeFiberRunner(launch);
  for (std::uint32_t z = 0; z < launch.grid.z; ++z) {
    for (std::uint32_t y = 0; y < launch.grid.y; ++y) {
      for (std::uint32_t x = 0; x < launch.grid.x; ++x) {
        runner->Run({x, y, z}, shared.Fresh(), body);
        shared.RequireGuards();
      }
    }
  }
}

}  // namespace consilium
