// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/prepare/preparer.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "cuda/ops/resample.h"

namespace consilium {
namespace {

constexpr std::int64_t kMostVoxels = std::int64_t{1} << 31;

void CheckVolume(const Volume& volume, const char* name) {
  const auto count = static_cast<std::size_t>(volume.geometry.size.count());
  const auto slices = static_cast<std::size_t>(volume.geometry.size.z);
  Require(
      count > 0 && volume.voxels.size() == count && volume.slope.size() == slices && volume.intercept.size() == slices,
      std::string("the ") + name + " is not a valid volume: its sizes do not fit");
}

// Whether the centre of at least one voxel of `grid` lies in `image`.
bool Overlap(const Geometry& grid, const Geometry& image) {
  for (std::int64_t k = 0; k < grid.size.z; ++k) {
    for (std::int64_t j = 0; j < grid.size.y; ++j) {
      for (std::int64_t i = 0; i < grid.size.x; ++i) {
        const Vec3 at = image.PointToIndex(
            grid.IndexToPoint({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)}));
        if (at.x >= -0.5 && at.y >= -0.5 && at.z >= -0.5 && at.x <= static_cast<double>(image.size.x) - 0.5 &&
            at.y <= static_cast<double>(image.size.y) - 0.5 && at.z <= static_cast<double>(image.size.z) - 0.5) {
          return true;
        }
      }
    }
  }
  return false;
}

// One channel of the sample.
void Fill(const Volume& volume, const Geometry& grid, const Normalisation& normalisation, double outside,
          std::span<float> out, Device device) {
  const ResampleInput input{volume.geometry.size, volume.voxels, volume.slope, volume.intercept};
  const ResamplePlan plan{grid.size, OutputToInput(grid, volume.geometry), normalisation, outside};
  Resample(input, plan, out, device);
}

// The contour, interpolated: as an image of 0 and 16384, so that int16 keeps it exactly.
std::vector<std::uint8_t> ResampleContour(const LabelMap& contour, const Geometry& grid, Device device) {
  constexpr std::int16_t kOne = 16384;
  const auto slices = static_cast<std::size_t>(contour.geometry.size.z);
  std::vector<std::int16_t> image(contour.voxels.size());
  std::transform(contour.voxels.begin(), contour.voxels.end(), image.begin(),
                 [](std::uint8_t label) { return static_cast<std::int16_t>(label != 0 ? kOne : 0); });
  const std::vector<float> slope(slices, 1.0f / kOne), intercept(slices, 0.0f);
  const std::vector<float> inside = Resample({contour.geometry.size, image, slope, intercept},
                                             {grid.size, OutputToInput(grid, contour.geometry), {}, 0.0}, device);
  std::vector<std::uint8_t> label(inside.size());
  std::transform(inside.begin(), inside.end(), label.begin(), [](float v) { return v >= 0.5f; });
  return label;
}

}  // namespace

Geometry SampleGrid(const Geometry& pet, double spacing_mm) {
  Require(spacing_mm > 0 && std::isfinite(spacing_mm), "the spacing of the common grid must be greater than 0 mm");
  Geometry grid = pet;
  const auto steps = [&](std::int64_t size, double spacing) {
    // A grid that fits but for rounding gets no extra voxel.
    const double voxels = std::ceil(static_cast<double>(size) * spacing / spacing_mm - 1e-6);
    if (!(voxels >= 1 && voxels <= static_cast<double>(kMostVoxels))) {
      throw Error(ErrorCode::kResourceExhausted, "the common grid would be too large",
                  "Raise `spacing_mm` of the preparation plan.");
    }
    return static_cast<std::int64_t>(voxels);
  };
  grid.size = {steps(pet.size.x, pet.spacing_mm.x), steps(pet.size.y, pet.spacing_mm.y),
               steps(pet.size.z, pet.spacing_mm.z)};
  const double voxels = static_cast<double>(grid.size.x) * static_cast<double>(grid.size.y);
  if (voxels * static_cast<double>(grid.size.z) > static_cast<double>(kMostVoxels)) {
    throw Error(ErrorCode::kResourceExhausted, "the common grid would be too large",
                "Raise `spacing_mm` of the preparation plan.");
  }
  grid.spacing_mm = {spacing_mm, spacing_mm, spacing_mm};
  // The low edges meet: half a new voxel from half an old voxel.
  const auto shift = [&](double spacing) { return (spacing_mm - spacing) / 2 / spacing; };
  grid.origin_mm = pet.IndexToPoint({shift(pet.spacing_mm.x), shift(pet.spacing_mm.y), shift(pet.spacing_mm.z)});
  return grid;
}

Sample Prepare(CaseId id, const Volume& pet, const Volume& ct, const LabelMap* contour, const PrepPlan& plan,
               Device device) {
  CheckVolume(pet, "PET");
  CheckVolume(ct, "CT");
  Sample sample;
  sample.id = std::move(id);
  sample.grid = SampleGrid(pet.geometry, plan.spacing_mm);
  Require(Overlap(sample.grid, ct.geometry), "the CT and the PET do not overlap",
          "Check that both series belong together.");
  const auto voxels = static_cast<std::size_t>(sample.grid.size.count());
  std::vector<float> channels(2 * voxels);
  const std::span<float> image(channels);
  Fill(pet, sample.grid, {plan.pet_low, plan.pet_high, plan.pet_mean, plan.pet_sd}, plan.pet_outside,
       image.first(voxels), device);
  Fill(ct, sample.grid, {plan.ct_low, plan.ct_high, plan.ct_mean, plan.ct_sd}, plan.ct_outside, image.last(voxels),
       device);
  sample.image = std::move(channels);
  if (contour != nullptr) {
    Require(contour->voxels.size() == static_cast<std::size_t>(contour->geometry.size.count()),
            "the contour's label map is not valid: its sizes do not fit");
    sample.label = ResampleContour(*contour, sample.grid, device);
  }
  return sample;
}

ProbabilityMap Resample(const ProbabilityMap& probability, const Geometry& grid) {
  constexpr float kSteps = 32767;  // int16 holds a probability to 1.5e-5
  const auto slices = static_cast<std::size_t>(probability.grid.size.z);
  Require(probability.tumour.size() == static_cast<std::size_t>(probability.grid.size.count()),
          "the probability map is not valid: its sizes do not fit");
  std::vector<std::int16_t> image(probability.tumour.size());
  std::transform(probability.tumour.begin(), probability.tumour.end(), image.begin(), [](float p) {
    Require(std::isfinite(p), "the probability map holds a value that is not a number");
    return static_cast<std::int16_t>(std::lround(std::clamp(p, 0.0f, 1.0f) * kSteps));
  });
  const std::vector<float> slope(slices, 1.0f / kSteps), intercept(slices, 0.0f);
  return {grid, Resample({probability.grid.size, image, slope, intercept},
                         {grid.size, OutputToInput(grid, probability.grid), {}, 0.0}, Device{})};
}

LabelMap ToGrid(const ProbabilityMap& probability, const Geometry& grid, double threshold) {
  const ProbabilityMap on_grid = Resample(probability, grid);
  LabelMap map{grid, std::vector<std::uint8_t>(on_grid.tumour.size())};
  std::transform(on_grid.tumour.begin(), on_grid.tumour.end(), map.voxels.begin(),
                 [&](float p) { return static_cast<double>(p) >= threshold; });
  return map;
}

}  // namespace consilium
