// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/patch_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/base/random.h"

namespace consilium {
namespace {

struct Range {
  std::int64_t low = 0, high = 0;
};

// Where a patch may begin along an axis: inside the grid, or, where the grid is smaller than the patch, so that the
// grid lies in the middle.
Range CornerRange(std::int64_t size, std::int64_t patch) {
  const std::int64_t missing = std::max<std::int64_t>(0, patch - size);
  return {-((missing + 1) / 2), size + missing / 2 + missing % 2 - patch};
}

}  // namespace

PatchSampler::PatchSampler(std::span<const Sample> samples, const TrainPlan& plan) : plan_(plan) {
  Require(!samples.empty(), "training: there is no sample", "Import training patients with contours first.");
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    const std::int64_t count = sample.grid.size.count();
    Require(static_cast<std::int64_t>(sample.label.size()) == count,
            "training: sample " + std::to_string(s + 1) + " has " + std::to_string(sample.label.size()) +
                " label voxels, its grid has " + std::to_string(count),
            "Train only on patients with a contour.");
    Require(count <= std::numeric_limits<std::uint32_t>::max(),
            "training: sample " + std::to_string(s + 1) + " has more than 4294967295 voxels",
            "Choose a larger spacing_mm in the plan.");
    Source source{sample.grid.size, {}};
    for (std::size_t i = 0; i < sample.label.size(); ++i) {
      const std::uint8_t label = sample.label[i];
      if (label == kIgnoreLabel) {
        partly_labelled_ = true;
      } else if (label != 0) {
        source.tumour.push_back(static_cast<std::uint32_t>(i));
      }
    }
    sources_.push_back(std::move(source));
    channels_.push_back(static_cast<std::size_t>(sample.channels));
  }
}

std::vector<PatchChoice> PatchSampler::Draw(std::uint64_t seed, std::int64_t step) const {
  Random random(seed, static_cast<std::uint64_t>(step));
  const auto forced_from =
      static_cast<std::int64_t>(std::lround(static_cast<double>(plan_.batch) * (1 - plan_.foreground_fraction)));
  std::vector<PatchChoice> choices;
  for (std::int64_t item = 0; item < plan_.batch; ++item) {
    PatchChoice choice;
    choice.sample = static_cast<std::size_t>(random.Integer(0, static_cast<std::int64_t>(sources_.size()) - 1));
    const Source& source = sources_[choice.sample];
    const std::array<std::int64_t, 3> size = {source.size.x, source.size.y, source.size.z};
    if (item >= forced_from && !source.tumour.empty()) {
      const auto pick = random.Integer(0, static_cast<std::int64_t>(source.tumour.size()) - 1);
      const std::int64_t offset = source.tumour[static_cast<std::size_t>(pick)];
      const std::array<std::int64_t, 3> voxel = {offset % size[0], offset / size[0] % size[1],
                                                 offset / (size[0] * size[1])};
      for (std::size_t a = 0; a < 3; ++a) {
        choice.corner[a] = std::max(CornerRange(size[a], plan_.patch).low, voxel[a] - plan_.patch / 2);
      }
    } else {
      for (std::size_t a = 0; a < 3; ++a) {
        const Range range = CornerRange(size[a], plan_.patch);
        choice.corner[a] = random.Integer(range.low, range.high);
      }
    }
    if (plan_.augmentation == "nnunet") choice.augmentation = DrawAugmentation(random, channels_[choice.sample]);
    if (plan_.mirror) {
      for (bool& flip : choice.flip) flip = random.Uniform() < 0.5;
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

}  // namespace consilium
