// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "core/base/digest.h"
#include "core/data/sample.h"
#include "learning/optimizer.h"
#include "learning/process_group.h"
#include "learning/torch.h"

namespace consilium {

// One training in several processes, as the Trainer sees it: item i of each step's work belongs to process i % size,
// the gradient is the mean over the processes, and everything else is the same everywhere. Without a group all work is
// this process's own. One that goes before End leaves the group, so that nobody waits for it.
class DataParallel {
 public:
  explicit DataParallel(ProcessGroup* group) : group_(group) {}
  ~DataParallel();
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;

  // How many of a step's `items` this process takes at most. Throws Error(kInvalidArgument) for patches that cannot be
  // dealt evenly and for fewer patients than processes.
  std::int64_t Deal(std::int64_t items, bool patients) const;

  std::int64_t size() const { return group_ == nullptr ? 1 : group_->size(); }
  bool alone() const { return group_ == nullptr; }

  template <class T>
  std::vector<T> Own(std::vector<T> all) const {
    if (group_ == nullptr) return all;
    std::vector<T> own;
    for (auto i = static_cast<std::size_t>(group_->rank()); i < all.size(); i += static_cast<std::size_t>(size()))
      own.push_back(std::move(all[i]));
    return own;
  }

  // Everybody must train the same (`training`), and begins with what rank 0 has.
  void Begin(const Digest& training, const std::vector<at::Tensor>& parameters, OptimizerTensors& state,
             const std::vector<at::Tensor>& correction);
  // Whether to stop before this step: all do in the same one.
  bool Stopped(const std::stop_token& stop);
  // Averages the parameters' gradients, and returns the mean loss.
  at::Tensor Average(const std::vector<at::Tensor>& parameters, const at::Tensor& loss);
  // What came out is that of rank 0.
  void End(const std::vector<at::Tensor>& parameters, OptimizerTensors& state);

 private:
  void Share(const std::vector<at::Tensor>& parameters, OptimizerTensors& state);

  ProcessGroup* group_;
  bool apart_ = true;  // the others may be waiting for this process
};

// Names, grids, images and labels.
void AddSamples(std::span<const Sample> samples, Sha256& digest);

}  // namespace consilium
