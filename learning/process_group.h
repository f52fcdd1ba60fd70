// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "cuda/device.h"

namespace at {
class Tensor;
}

namespace consilium {

// Where this process stands among those of one hospital that train one model together (docs/adr/0039). The words are
// torch.distributed's: `torchrun`, or whoever starts the processes, says them by environment variables.
struct ProcessPlace {
  int rank = 0;                       // RANK, from 0; 0 leads
  int size = 1;                       // WORLD_SIZE
  int local_rank = 0;                 // LOCAL_RANK, on its machine: the GPU that it takes
  int local_size = 1;                 // LOCAL_WORLD_SIZE, of the processes on its machine: they share its processor
  std::string address = "127.0.0.1";  // MASTER_ADDR: the machine of rank 0. The default is this machine alone
  int port = 29500;                   // MASTER_PORT
  bool agent = false;                 // TORCHELASTIC_USE_AGENT_STORE: torchrun itself listens there
  std::string attempt = "0";          // TORCHELASTIC_RESTART_COUNT
  std::chrono::milliseconds patience = std::chrono::minutes(10);  // the longest wait for the others

  void Validate() const;  // throws Error(kInvalidArgument) naming the variable
};

// Nothing if RANK and WORLD_SIZE are not set, or for one process. Throws Error(kInvalidArgument) for a variable that is
// missing or no number.
std::optional<ProcessPlace> ProcessPlaceFromEnvironment();

// Processor threads of one process: `asked`, or for 0 its share of the cores.
int ThreadsOf(const ProcessPlace& place, int asked);
// As ParseDevice, but "auto" takes a GPU of its own for each process of a machine.
Device DeviceOf(const ProcessPlace& place, const std::string& asked);

// The processes of one hospital that train together, over torch.distributed's c10d: Gloo for numbers in processor
// memory, NCCL for numbers on GPUs. Every process calls the same functions in the same order. What is exchanged is
// neither encrypted nor are the others authenticated: this is for one machine or a hospital's own cluster. Rank 0
// listens on `address` only, and each process on its address towards it.
// Every function throws Error(kUnavailable) if another process has gone and kDeadlineExceeded if it has not answered
// within the place's patience; then the group is of no more use. One thread at a time.
class ProcessGroup {
 public:
  explicit ProcessGroup(ProcessPlace place);  // waits for all the others
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  bool leads() const { return place_.rank == 0; }
  const ProcessPlace& place() const { return place_; }

  // Replaces float32 tensors by their means over all processes, the same bits everywhere: one exchange for all.
  void Average(const std::vector<at::Tensor>& tensors);
  // Replaces them by those of rank 0.
  void Share(const std::vector<at::Tensor>& tensors);
  // Whether any process says so.
  bool Any(bool mine);
  // Throws Error(kFailedPrecondition), in every process, unless all have the same: `what` ends the sentence "process 1
  // has other ... than process 0".
  void RequireSame(const Digest& mine, const std::string& what);

  // Rank 0 tells the others what to do next; they wait for it as long as rank 0 lives. Nothing: Dismiss was called.
  void Announce(const std::string& order);
  std::optional<std::string> Await(const std::stop_token& stop = {});  // throws kCancelled after `stop`
  void Dismiss();  // rank 0: all is done; returns when the others know, or throws after ten seconds

  // Ends the connections, so that nobody waits for this process.
  void Leave();
  bool left() const { return impl_ == nullptr; }

 private:
  template <class F>
  auto Do(const std::string& doing, const F& f);

  struct Impl;
  ProcessPlace place_;
  std::unique_ptr<Impl> impl_;  // empty after Leave
};

}  // namespace consilium
