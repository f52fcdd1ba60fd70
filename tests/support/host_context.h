// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <vector>

#include "cuda/kernel_context.h"

namespace consilium {

// How the threads of a block take turns on the host.
//   Fibers: one OS thread; a thread runs until it reaches a barrier or a warp operation, then the next one does. In
//     what order within each turn is the choice; a missing barrier shows as a result that depends on it. Under
//     AddressSanitizer every wrong index is found.
//   Threads: a std::thread each and std::barrier, for ThreadSanitizer: it sees every race. Small blocks only.
enum class HostOrder { kForward, kReverse, kShuffled, kThreads };

std::ostream& operator<<(std::ostream& out, HostOrder order);

// Every order that the present build can run: fibers confuse ThreadSanitizer, so there it is threads alone.
std::vector<HostOrder> HostOrders();

struct HostLaunch {
  Index3 grid;
  Index3 block;
  std::size_t shared_bytes = 0;
  HostOrder order = HostOrder::kForward;
  std::uint64_t seed = 1;  // of kShuffled
};

// What the threads of one block have in common; made by RunOnHost.
class HostBlock {
 public:
  virtual ~HostBlock() = default;
  virtual void SyncThreads(std::uint32_t thread) = 0;
  virtual void SyncWarp(std::uint32_t thread) = 0;

  std::byte* shared = nullptr;         // HostLaunch::shared_bytes, filled with 0xCD before each block
  std::vector<std::uint64_t> of_lane;  // one a thread, for warp operations
};

// KernelContext on the host, handed to each thread of the grid. See HostOrder.
class HostContext {
 public:
  HostContext(HostBlock& host, const HostLaunch& launch, Index3 block, Index3 thread)
      : host_(&host), launch_(&launch), block_(block), thread_(thread) {}

  Index3 ThreadIndex() const { return thread_; }
  Index3 BlockIndex() const { return block_; }
  Index3 BlockSize() const { return launch_->block; }
  Index3 GridSize() const { return launch_->grid; }

  void SyncThreads() { host_->SyncThreads(ThreadInBlock(*this)); }

  template <class T>
  T* Shared() const {
    return reinterpret_cast<T*>(host_->shared);
  }

  std::uint64_t WarpSum(std::uint64_t value);
  void AtomicAdd(std::uint64_t* place, std::uint64_t value) { __atomic_fetch_add(place, value, __ATOMIC_RELAXED); }

  float Fma(float a, float b, float c) const { return std::fma(a, b, c); }
  double Fma(double a, double b, double c) const { return std::fma(a, b, c); }
  std::int64_t RoundToInt(double value) const { return std::llrint(value); }

 private:
  HostBlock* host_;
  const HostLaunch* launch_;
  Index3 block_, thread_;
};

static_assert(KernelContext<HostContext>);

// Runs `body` once for each thread of the grid, block after block. Throws std::logic_error with words when threads of
// a block do not all reach a barrier, when lanes of a warp do not all reach a warp operation, when a block has not
// whole warps though a warp operation is used, or when bytes beside the shared memory were written.
void RunOnHost(const HostLaunch& launch, const std::function<void(HostContext&)>& body);

}  // namespace consilium
