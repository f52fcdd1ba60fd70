// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/find_lesions.h"

#include <itkConnectedComponentImageFilter.h>
#include <itkImportImageFilter.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/log.h"

namespace consilium {
namespace {

constexpr std::size_t kMostLesions = 255;

// Components numbered 1..n in the order in which they appear; one value for each voxel.
std::vector<std::uint32_t> Components(const LabelMap& mask) {
  using Mask = itk::Image<std::uint8_t, 3>;
  using Labels = itk::Image<std::uint32_t, 3>;
  auto import = itk::ImportImageFilter<std::uint8_t, 3>::New();
  const auto& size = mask.geometry.size;
  Mask::RegionType region;
  region.SetSize({static_cast<itk::SizeValueType>(size.x), static_cast<itk::SizeValueType>(size.y),
                  static_cast<itk::SizeValueType>(size.z)});
  import->SetRegion(region);
  // The filter only reads; ITK has no const way to lend a buffer.
  import->SetImportPointer(const_cast<std::uint8_t*>(mask.voxels.data()), mask.voxels.size(), false);
  auto components = itk::ConnectedComponentImageFilter<Mask, Labels>::New();
  components->SetInput(import->GetOutput());
  components->SetFullyConnected(true);
  components->Update();
  const std::uint32_t* labels = components->GetOutput()->GetBufferPointer();
  return {labels, labels + mask.voxels.size()};
}

// Running sums of one component.
struct Sums {
  std::int64_t voxels = 0;
  double suv = 0, suv_max = -1e30, probability = 0;
  Vec3 index;
};

std::vector<Sums> Measure(const std::vector<std::uint32_t>& labels, const Volume& pet,
                          const ProbabilityMap* probability) {
  std::vector<Sums> sums(labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end()));
  const Size3& size = pet.geometry.size;
  std::size_t n = 0;
  for (std::int64_t k = 0; k < size.z; ++k) {
    for (std::int64_t j = 0; j < size.y; ++j) {
      for (std::int64_t i = 0; i < size.x; ++i, ++n) {
        if (labels[n] == 0) continue;
        Sums& s = sums[labels[n] - 1];
        const double suv = pet.Value(i, j, k);
        ++s.voxels;
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
  const std::vector<std::uint32_t> components = Components(mask);
  const std::vector<Sums> sums = Measure(components, pet, probability);
  const double voxel_ml = pet.geometry.VoxelVolumeMl();

  std::vector<std::size_t> order;  // component indices, largest first; equal ones in order of appearance
  for (std::size_t c = 0; c < sums.size(); ++c) {
    if (static_cast<double>(sums[c].voxels) * voxel_ml >= min_volume_ml) order.push_back(c);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sums[a].voxels > sums[b].voxels; });
  LesionList out{{mask.geometry, std::vector<std::uint8_t>(mask.voxels.size())}, {}};
  if (order.size() > kMostLesions) {
    out.left_out = static_cast<std::int64_t>(order.size() - kMostLesions);
    LogWarning("more lesions than a label map can number; the smallest are left out", {{"left_out", out.left_out}});
    order.resize(kMostLesions);
  }
  std::vector<std::uint8_t> number_of(sums.size() + 1);
  for (std::size_t n = 0; n < order.size(); ++n) {
    const Sums& s = sums[order[n]];
    const auto count = static_cast<double>(s.voxels);
    number_of[order[n] + 1] = static_cast<std::uint8_t>(n + 1);
    std::optional<double> mean;
    if (probability != nullptr) mean = s.probability / count;
    out.lesions.push_back({static_cast<int>(n + 1), count * voxel_ml, s.suv_max, s.suv / count, mean,
                           mask.geometry.IndexToPoint((1 / count) * s.index)});
  }
  for (std::size_t v = 0; v < components.size(); ++v) out.labels.voxels[v] = number_of[components[v]];
  return out;
}

}  // namespace consilium
