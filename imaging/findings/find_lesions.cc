// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/find_lesions.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/log.h"
#include "imaging/findings/components.h"

namespace consilium {
namespace {

constexpr std::size_t kMostLesions = 255;

// Running sums of one component.
struct Sums {
  double suv = 0, suv_max = -1e30, probability = 0;
  Vec3 index;
};

std::vector<Sums> Measure(const Components& components, const Volume& pet, const ProbabilityMap* probability) {
  const std::vector<std::uint32_t>& labels = components.number;
  std::vector<Sums> sums(components.voxels.size());
  const Size3& size = pet.geometry.size;
  std::size_t n = 0;
  for (std::int64_t k = 0; k < size.z; ++k) {
    for (std::int64_t j = 0; j < size.y; ++j) {
      for (std::int64_t i = 0; i < size.x; ++i, ++n) {
        if (labels[n] == 0) continue;
        Sums& s = sums[labels[n] - 1];
        const double suv = pet.Value(i, j, k);
        s.suv += suv;
        s.suv_max = std::max(s.suv_max, suv);
        if (probability != nullptr) s.probability += static_cast<double>(probability->tumour[n]);
        s.index = s.index + Vec3{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
      }
    }
  }
  return sums;
}

}  // namespace

LesionList FindLesions(const LabelMap& mask, const Volume& pet, const ProbabilityMap* probability,
                       double min_volume_ml) {
  Require(SameGrid(mask.geometry, pet.geometry) && mask.voxels.size() == pet.voxels.size(),
          "the mask does not lie on the grid of the PET", "Bring it there with ToGrid().");
  Require(probability == nullptr ||
              (SameGrid(probability->grid, pet.geometry) && probability->tumour.size() == pet.voxels.size()),
          "the probability does not lie on the grid of the PET", "Bring it there with Resample().");
  const Components components = FindComponents(mask);
  const std::vector<Sums> sums = Measure(components, pet, probability);
  const double voxel_ml = pet.geometry.VoxelVolumeMl();

  std::vector<std::size_t> order;  // component indices, largest first; equal ones in order of appearance
  for (std::size_t c = 0; c < sums.size(); ++c) {
    if (static_cast<double>(components.voxels[c]) * voxel_ml >= min_volume_ml) order.push_back(c);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return components.voxels[a] > components.voxels[b]; });
  LesionList out{{mask.geometry, std::vector<std::uint8_t>(mask.voxels.size())}, {}};
  if (order.size() > kMostLesions) {
    out.left_out = static_cast<std::int64_t>(order.size() - kMostLesions);
    LogWarning("more lesions than a label map can number; the smallest are left out", {{"left_out", out.left_out}});
    order.resize(kMostLesions);
  }
  std::vector<std::uint8_t> number_of(sums.size() + 1);
  for (std::size_t n = 0; n < order.size(); ++n) {
    const Sums& s = sums[order[n]];
    const auto count = static_cast<double>(components.voxels[order[n]]);
    number_of[order[n] + 1] = static_cast<std::uint8_t>(n + 1);
    std::optional<double> mean;
    if (probability != nullptr) mean = s.probability / count;
    out.lesions.push_back({static_cast<int>(n + 1), count * voxel_ml, s.suv_max, s.suv / count, mean,
                           mask.geometry.IndexToPoint((1 / count) * s.index)});
  }
  for (std::size_t v = 0; v < mask.voxels.size(); ++v) out.labels.voxels[v] = number_of[components.number[v]];
  return out;
}

namespace {

LabelMap MaskOf(const ProbabilityMap& probability, double threshold) {
  LabelMap mask{probability.grid, {}};
  mask.voxels.reserve(probability.tumour.size());
  for (const float p : probability.tumour) mask.voxels.push_back(static_cast<double>(p) >= threshold ? 1 : 0);
  return mask;
}

}  // namespace

void KeepLargest(ProbabilityMap& probability, double threshold) {
  const Components components = FindComponents(MaskOf(probability, threshold));
  if (components.voxels.size() < 2) return;
  const auto largest = std::max_element(components.voxels.begin(), components.voxels.end());
  const auto keep = static_cast<std::uint32_t>(largest - components.voxels.begin()) + 1;
  for (std::size_t v = 0; v < components.number.size(); ++v) {
    if (components.number[v] != 0 && components.number[v] != keep) probability.tumour[v] = 0;
  }
}

LesionList LesionsOf(ProbabilityMap on_pet, const Volume& pet, bool largest_only) {
  if (largest_only) KeepLargest(on_pet);
  return FindLesions(MaskOf(on_pet, 0.5), pet, &on_pet, kSmallestLesionMl);
}

}  // namespace consilium
