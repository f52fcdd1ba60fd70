// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/baselines.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "imaging/findings/components.h"
#include "imaging/findings/find_lesions.h"
#include "imaging/findings/segmentation_metrics.h"

namespace consilium {
namespace {

std::vector<float> SuvOf(const Volume& pet) {
  std::vector<float> suv(pet.voxels.size());
  const auto slice = static_cast<std::size_t>(pet.geometry.size.x * pet.geometry.size.y);
  for (std::size_t i = 0; i < suv.size(); ++i) {
    const std::size_t k = i / slice;
    suv[i] = pet.slope[k] * static_cast<float>(pet.voxels[i]) + pet.intercept[k];
  }
  return suv;
}

LabelMap AtLeast(const Geometry& grid, std::span<const float> values, float low) {
  LabelMap mask{grid, {}};
  mask.voxels.reserve(values.size());
  for (const float value : values) mask.voxels.push_back(value >= low ? 1 : 0);
  return mask;
}

// The voxel of an axis of `n` that holds the middle of cell `at` of `cells`, and the other way round.
std::int64_t Stretched(std::int64_t at, std::int64_t cells, std::int64_t n) { return (2 * at + 1) * n / (2 * cells); }

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

LabelMap ThresholdMask(const Volume& pet, double suv) {
  return FindLesions(AtLeast(pet.geometry, SuvOf(pet), static_cast<float>(suv)), pet, nullptr, kSmallestLesionMl)
      .labels;
}

std::vector<double> DiceOfThreshold(double suv, std::span<const StudyPatient> patients) {
  std::vector<double> dice;
  for (const StudyPatient& patient : patients) dice.push_back(Dice(ThresholdMask(patient.pet, suv), patient.reference));
  return dice;
}

double BestThreshold(std::span<const StudyPatient> patients) {
  double best = 0, best_dice = -1;
  for (double suv = 0.25; suv <= 20; suv += 0.25) {
    const double dice = Mean(DiceOfThreshold(suv, patients));
    if (dice > best_dice) best = suv, best_dice = dice;
  }
  return best;
}

LabelMap FortyOnePercentMask(const Volume& pet) {
  const std::vector<float> suv = SuvOf(pet);
  LabelMap mask = AtLeast(pet.geometry, suv, 0.41F * *std::max_element(suv.begin(), suv.end()));
  const Components components = FindComponents(mask);
  const auto largest = std::max_element(components.voxels.begin(), components.voxels.end());
  if (largest == components.voxels.end()) return mask;
  const auto keep = static_cast<std::uint32_t>(largest - components.voxels.begin() + 1);
  for (std::size_t i = 0; i < mask.voxels.size(); ++i) mask.voxels[i] = components.number[i] == keep ? 1 : 0;
  return mask;
}

LocationPrior::LocationPrior(std::span<const StudyPatient> training)
    : mean_(static_cast<std::size_t>(kEdge * kEdge * kEdge)) {
  Require(!training.empty(), "a location prior needs training patients");
  for (const StudyPatient& patient : training) {
    const Size3 size = patient.reference.geometry.size;
    std::size_t cell = 0;
    for (std::int64_t k = 0; k < kEdge; ++k) {
      for (std::int64_t j = 0; j < kEdge; ++j) {
        for (std::int64_t i = 0; i < kEdge; ++i, ++cell) {
          const std::int64_t x = Stretched(i, kEdge, size.x), y = Stretched(j, kEdge, size.y),
                             z = Stretched(k, kEdge, size.z);
          const auto voxel = static_cast<std::size_t>(patient.reference.geometry.Offset(x, y, z));
          if (patient.reference.voxels[voxel] != 0) mean_[cell] += 1 / static_cast<float>(training.size());
        }
      }
    }
  }
  double best = -1, best_height = height_;
  for (int step = 1; step <= 19; ++step) {
    height_ = step / 20.0;
    std::vector<double> dice;
    for (const StudyPatient& patient : training)
      dice.push_back(Dice(Mask(patient.reference.geometry), patient.reference));
    if (Mean(dice) > best) best = Mean(dice), best_height = height_;
  }
  height_ = best_height;
}

LabelMap LocationPrior::Mask(const Geometry& grid) const {
  LabelMap mask{grid, std::vector<std::uint8_t>(static_cast<std::size_t>(grid.size.count()))};
  std::size_t voxel = 0;
  for (std::int64_t z = 0; z < grid.size.z; ++z) {
    for (std::int64_t y = 0; y < grid.size.y; ++y) {
      for (std::int64_t x = 0; x < grid.size.x; ++x, ++voxel) {
        const std::int64_t i = Stretched(x, grid.size.x, kEdge), j = Stretched(y, grid.size.y, kEdge),
                           k = Stretched(z, grid.size.z, kEdge);
        mask.voxels[voxel] = mean_[static_cast<std::size_t>(i + kEdge * (j + kEdge * k))] >= height_ ? 1 : 0;
      }
    }
  }
  return mask;
}

}  // namespace consilium
