// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/nnunet_planner.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr double kAnisotropy = 3;   // ANISO_THRESHOLD
constexpr double kLeastEdge = 4;    // UNet_featuremap_min_edge_length
constexpr double kLeastBatch = 2;   // UNet_min_batch_size
constexpr double kFirstEdge = 256;  // the first patch has the volume of this cube
constexpr std::int64_t kMostFeatures = 320;

// Python's round(): halves go to the even neighbour, as they do in the default rounding mode.
double Round(double value) { return std::nearbyint(value); }

double Product(const Axes& of) { return of[0] * of[1] * of[2]; }

Axes ToAxes(const Edges& of) {
  return {static_cast<double>(of[0]), static_cast<double>(of[1]), static_cast<double>(of[2])};
}

// What an architecture needs to be weighed: UNet_reference_val_3d and the blocks of the planner for it.
struct Rule {
  double reference = 0;        // feature map values of a patch that fit into 8 GB, at batch 2
  double dataset_covered = 0;  // max_dataset_covered
  std::int64_t decoder_convs = 0;
  bool residual = false;
};

Rule RuleOf(const std::string& architecture) {
  if (architecture == "plain_conv_unet") return {560e6, 0.05, 2, false};
  Require(architecture == "res_enc_unet", "there is no planner for the network `" + architecture.substr(0, 60) + "`",
          "nnU-Net plans plain_conv_unet and res_enc_unet.");
  return {680e6, 1.0, 1, true};
}

std::int64_t ResidualBlocks(std::size_t stage) {
  constexpr std::array<std::int64_t, 4> kBlocks = {1, 3, 4, 6};
  return kBlocks[std::min(stage, kBlocks.size() - 1)];
}

// compute_conv_feature_map_size: the values of all convolutions' outputs for one patch.
double FeatureMaps(const Rule& rule, const NetworkWish& wish, const NetworkTopology& topology,
                   const std::vector<std::int64_t>& features) {
  const std::size_t stages = features.size();
  double total = 0, voxels = Product(ToAxes(topology.patch));
  if (rule.residual) total += voxels * static_cast<double>(features[0]);  // the stem
  for (std::size_t s = 0; s < stages; ++s) {
    voxels /= Product(ToAxes(topology.strides[s]));
    const double map = voxels * static_cast<double>(features[s]);
    if (rule.residual) {
      total += 2 * static_cast<double>(ResidualBlocks(s)) * map;
      if (s > 0) total += map;  // the skip of the first block: its grid changes
    } else {
      total += 2 * map;
    }
    if (s + 1 == stages) break;
    total += static_cast<double>(rule.decoder_convs + 1) * map;  // and the transposed convolution up to here
    if (s == 0) total += static_cast<double>(wish.classes) * voxels;
  }
  return total;
}

std::vector<std::int64_t> FeaturesOf(const NetworkWish& wish, std::size_t stages) {
  std::vector<std::int64_t> features;
  for (std::size_t s = 0; s < stages; ++s)
    features.push_back(s == 0 ? std::min(wish.first_features, kMostFeatures)
                              : std::min(2 * features.back(), kMostFeatures));
  return features;
}

// A patch of the same edges in mm and the volume of 256^3, but nowhere longer than the median image.
Axes FirstPatch(const NetworkWish& wish) {
  const Axes aspect = {1 / wish.spacing_mm[0], 1 / wish.spacing_mm[1], 1 / wish.spacing_mm[2]};
  const double scale = std::pow(kFirstEdge * kFirstEdge * kFirstEdge / Product(aspect), 1.0 / 3);
  Axes patch{};
  for (std::size_t d = 0; d < 3; ++d) patch[d] = std::min(Round(aspect[d] * scale), wish.median_shape[d]);
  return patch;
}

// The next smaller patch. The divisor is asked anew for the shorter patch, so that no valid edge is skipped.
Axes Shorter(const NetworkWish& wish, const NetworkTopology& topology) {
  std::array<bool, 3> shortened = {wish.cube, wish.cube, wish.cube};
  if (!wish.cube) {
    std::size_t longest = 0;  // the last of equals, as numpy.argsort(...)[-1] says
    const auto share = [&](std::size_t d) { return static_cast<double>(topology.patch[d]) / wish.median_shape[d]; };
    for (std::size_t d = 1; d < 3; ++d)
      if (share(d) >= share(longest)) longest = d;
    shortened[longest] = true;
  }
  Axes trial = ToAxes(topology.patch), patch = trial;
  for (std::size_t d = 0; d < 3; ++d)
    if (shortened[d]) trial[d] -= static_cast<double>(topology.divisor[d]);
  const Edges divisor = TopologyOf(wish.spacing_mm, trial).divisor;
  for (std::size_t d = 0; d < 3; ++d)
    if (shortened[d]) patch[d] -= static_cast<double>(divisor[d]);
  return patch;
}

}  // namespace

Axes TargetSpacing(const SpacingFacts& facts) {
  Axes target = facts.median_mm;
  const auto worst = static_cast<std::size_t>(std::max_element(target.begin(), target.end()) - target.begin());
  double other_mm = 0, other_voxels = INFINITY;
  for (std::size_t d = 0; d < 3; ++d) {
    if (d == worst) continue;
    other_mm = std::max(other_mm, target[d]);
    other_voxels = std::min(other_voxels, facts.median_voxels[d]);
  }
  if (target[worst] > kAnisotropy * other_mm && facts.median_voxels[worst] * kAnisotropy < other_voxels) {
    target[worst] = facts.tenth_mm[worst];
    if (target[worst] < other_mm) target[worst] = other_mm + 1e-5;
  }
  return target;
}

NetworkTopology TopologyOf(const Axes& spacing_mm, const Axes& patch) {
  Axes spacing = spacing_mm, size = patch;
  Edges kernel = {1, 1, 1};
  NetworkTopology out;
  out.divisor = {1, 1, 1};
  out.strides.push_back({1, 1, 1});
  while (true) {
    // Halved are the axes that are long enough and within a factor of two of the finest such one.
    double finest = INFINITY;
    for (std::size_t d = 0; d < 3; ++d)
      if (size[d] >= 2 * kLeastEdge) finest = std::min(finest, spacing[d]);
    std::vector<std::size_t> halved;
    for (std::size_t d = 0; d < 3; ++d)
      if (size[d] >= 2 * kLeastEdge && spacing[d] / finest < 2) halved.push_back(d);
    if (halved.empty() || (halved.size() == 1 && size[halved[0]] < 3 * kLeastEdge)) break;
    const double smallest = *std::min_element(spacing.begin(), spacing.end());
    for (std::size_t d = 0; d < 3; ++d)
      if (spacing[d] / smallest < 2) kernel[d] = 3;  // and stays 3
    Edges stride = {1, 1, 1};
    for (const std::size_t d : halved) {
      stride[d] = 2;
      out.divisor[d] *= 2;
      spacing[d] *= 2;
      size[d] = std::ceil(size[d] / 2);
    }
    out.strides.push_back(stride);
    out.kernels.push_back(kernel);
  }
  out.kernels.push_back({3, 3, 3});
  for (std::size_t d = 0; d < 3; ++d) {
    const auto divisor = static_cast<double>(out.divisor[d]);
    out.patch[d] = static_cast<std::int64_t>(std::ceil(patch[d] / divisor) * divisor);
  }
  return out;
}

PlannedNetwork PlanNetwork(const NetworkWish& wish) {
  const Rule rule = RuleOf(wish.architecture);
  const auto positive = [](double value) { return value > 0 && std::isfinite(value); };
  for (std::size_t d = 0; d < 3; ++d)
    Require(positive(wish.spacing_mm[d]) && positive(wish.median_shape[d]) && wish.median_shape[d] < 1e6,
            "a network is planned for a spacing above 0 mm and images of at least a voxel");
  Require(wish.first_features >= 1 && wish.classes >= 2 && wish.input_channels >= 1,
          "a network is planned for at least one feature, one channel and two classes");
  Require(positive(wish.memory_gb) && positive(wish.dataset_voxels),
          "a network is planned for memory above 0 GB and at least a case");

  const double budget = rule.reference * wish.memory_gb / 8;
  PlannedNetwork out;
  out.topology = TopologyOf(wish.spacing_mm, FirstPatch(wish));
  while (true) {
    out.features = FeaturesOf(wish, out.topology.strides.size());
    out.feature_maps = FeatureMaps(rule, wish, out.topology, out.features);
    if (out.feature_maps <= budget) break;
    const Axes shorter = Shorter(wish, out.topology);
    if (*std::min_element(shorter.begin(), shorter.end()) < 1) {
      throw Error(ErrorCode::kResourceExhausted, "no patch of a network fits into the memory it may take",
                  "Give it more memory or fewer features.");
    }
    out.topology = TopologyOf(wish.spacing_mm, shorter);
  }
  const double batch = Round(budget / out.feature_maps * 2);
  const double covered = Round(wish.dataset_voxels * rule.dataset_covered / Product(ToAxes(out.topology.patch)));
  out.batch = static_cast<std::int64_t>(std::max(std::min(batch, covered), kLeastBatch));
  return out;
}

}  // namespace consilium
