// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "learning/torch.h"

namespace consilium {

// Whether every voxel has a class, or some are kIgnoreLabel (255): those have no part in the loss.
enum class Labelled { kWhole, kPartly };

// nnU-Net v2's loss of one level: mean cross-entropy minus the soft Dice of the foreground classes, averaged over
// items and classes (DC_and_CE_loss with MemoryEfficientSoftDiceLoss, batch_dice off, smooth 1e-5). -1 is perfect.
// `scores` [B, C, D, H, W] float32, `target` [B, D, H, W] int64. A float32 scalar on the scores' device.
// kPartly is its ignore_label: cross-entropy is the mean over the other voxels (0 if there are none), Dice leaves them
// out.
at::Tensor DiceCrossEntropy(const at::Tensor& scores, const at::Tensor& target, Labelled labelled = Labelled::kWhole);

// Weights of the levels, finest first: 1, 1/2, 1/4, ..., the coarsest 0 if there is another, then normed to sum 1.
std::vector<double> DeepSupervisionWeights(std::size_t levels);

// The loss over all levels; level l is compared with the target at every 2^l-th voxel as "nearest-exact" picks it.
at::Tensor DeepSupervisionLoss(const std::vector<at::Tensor>& scores, const at::Tensor& target,
                               Labelled labelled = Labelled::kWhole);

}  // namespace consilium
