// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/augmentation.h"

#include <numbers>

namespace consilium {
namespace {

// batchgeneratorsv2's BGContrast.
double AroundOne(Random& random, double low, double high) {
  return random.Uniform() < 0.5 ? random.Uniform(low, 1) : random.Uniform(1, high);
}

}  // namespace

Augmentation DrawAugmentation(Random& random, std::size_t channels) {
  Augmentation a;
  a.channels.resize(channels);
  const auto happens = [&](double probability) { return random.Uniform() < probability; };
  if (happens(0.2)) {
    for (double& angle : a.rotation) angle = random.Uniform(-1, 1) * std::numbers::pi / 6;
  }
  if (happens(0.2)) a.zoom = random.Uniform(0.7, 1.4);
  if (happens(0.1)) {
    a.noise_sd = random.Uniform(0, 0.1);
    a.noise_seed = random.NextU64();
  }
  if (happens(0.2)) {
    for (Augmentation::Channel& channel : a.channels) {
      if (!happens(0.5)) continue;
      for (double& sd : channel.blur) sd = random.Uniform(0.5, 1);
    }
  }
  if (happens(0.15)) {
    for (Augmentation::Channel& channel : a.channels) channel.brightness = AroundOne(random, 0.75, 1.25);
  }
  if (happens(0.15)) {
    for (Augmentation::Channel& channel : a.channels) channel.contrast = AroundOne(random, 0.75, 1.25);
  }
  if (happens(0.25)) {
    for (Augmentation::Channel& channel : a.channels) {
      if (happens(0.5)) channel.resolution = random.Uniform(0.5, 1);
    }
  }
  if (happens(0.1)) {
    for (Augmentation::Channel& channel : a.channels) channel.inverted_gamma = AroundOne(random, 0.7, 1.5);
  }
  if (happens(0.3)) {
    for (Augmentation::Channel& channel : a.channels) channel.gamma = AroundOne(random, 0.7, 1.5);
  }
  return a;
}

}  // namespace consilium
