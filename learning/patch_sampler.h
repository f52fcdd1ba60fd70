// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/data/sample.h"
#include "core/round/train_plan.h"
#include "learning/augmentation.h"

namespace consilium {

// One training patch: which sample, its first voxel (x, y, z; may lie outside the grid: air) and which axes to flip.
struct PatchChoice {
  std::size_t sample = 0;
  std::array<std::int64_t, 3> corner{};
  std::array<bool, 3> flip{};
  Augmentation augmentation;
  friend bool operator==(const PatchChoice&, const PatchChoice&) = default;
};

// Chooses patches as nnU-Net v2 does (training/dataloading/data_loader.py): samples with replacement; item i of a
// batch is forced to hold a tumour voxel at its centre when i >= round(batch * (1 - foreground_fraction)), unless its
// sample has no tumour; other patches lie anywhere. Keeps 4 bytes a tumour voxel.
class PatchSampler {
 public:
  // Throws Error(kInvalidArgument) if a sample has no label or too many voxels.
  PatchSampler(std::span<const Sample> samples, const TrainPlan& plan);

  // Whether a sample holds voxels that nobody judged (255).
  bool partly_labelled() const { return partly_labelled_; }

  // A function of the arguments alone: (seed, step) always gives the same patches.
  std::vector<PatchChoice> Draw(std::uint64_t seed, std::int64_t step) const;

 private:
  struct Source {
    Size3 size;
    std::vector<std::uint32_t> tumour;  // offsets of tumour voxels
  };
  TrainPlan plan_;
  std::vector<Source> sources_;
  std::vector<std::size_t> channels_;  // of each sample
  bool partly_labelled_ = false;
};

}  // namespace consilium
