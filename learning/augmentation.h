// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/random.h"

namespace consilium {

inline constexpr std::uint8_t kIgnoreLabel = 255;  // a voxel that nobody judged: it has no part in the loss

// What is done to one patch beside its flips, in this order (nnU-Net v2, nnUNetTrainer.get_training_transforms with
// batchgeneratorsv2). A member at its default does nothing.
struct Augmentation {
  std::array<double, 3> rotation{};  // radians about x, y, z, through the patch's middle: Rz Ry Rx
  double zoom = 1;                   // voxels are taken this much further apart: above 1, things become smaller
  double noise_sd = 0;               // one for all channels
  std::uint64_t noise_seed = 0;
  struct Channel {
    std::array<double, 3> blur{};  // standard deviation along x, y, z in voxels
    double brightness = 1;         // factor
    double contrast = 1;           // factor of the distance from the mean; the range is kept
    double resolution = 1;         // share of the voxels along each axis that are left
    double inverted_gamma = 1;     // gamma of the image turned dark for bright; mean and spread are kept
    double gamma = 1;              // the same of the image as it is
    friend bool operator==(const Channel&, const Channel&) = default;
  };
  std::vector<Channel> channels;

  bool moves() const { return rotation != std::array<double, 3>{} || zoom != 1; }
  friend bool operator==(const Augmentation&, const Augmentation&) = default;
};

// Draws with nnU-Net's probabilities and ranges: rotation 0.2 (each axis within 30 degrees), zoom 0.2 (0.7 to 1.4),
// noise 0.1 (0 to 0.1), blur 0.2 (half the channels, 0.5 to 1), brightness 0.15 (0.75 to 1.25), contrast 0.15 (the
// same), low resolution 0.25 (half the channels, 0.5 to 1), inverted gamma 0.1 and gamma 0.3 (0.7 to 1.5). Of
// brightness, contrast and gamma half the draws lie below 1.
Augmentation DrawAugmentation(Random& random, std::size_t channels);

}  // namespace consilium
