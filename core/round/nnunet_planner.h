// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace consilium {

// nnU-Net's rules for choosing spacing, patch, network and batch, as pure functions. Axes in any one order; nnU-Net's
// is slices first. Source: nnU-Net 2.6.2, experiment_planners/{default_experiment_planner,network_topology}.py and
// residual_unets/residual_encoder_unet_planners.py (preset M); tools/oracles/planner.py made the judge.
using Axes = std::array<double, 3>;
using Edges = std::array<std::int64_t, 3>;

// What the target spacing follows from, of all cases, for each axis.
struct SpacingFacts {
  Axes median_mm{}, tenth_mm{};  // 50th and 10th percentile of the spacings
  Axes median_voxels{};          // of the sizes
};

// determine_fullres_target_spacing: the median; but where one axis is more than three times as coarse as the others and
// has less than a third of their voxels, its 10th percentile, and never finer than the others.
Axes TargetSpacing(const SpacingFacts& facts);

// get_pool_and_conv_props: which axes each stage halves, the kernels, and the patch made large enough for it.
struct NetworkTopology {
  std::vector<Edges> strides, kernels;  // one a stage; the first stage has stride 1
  Edges patch{};
  Edges divisor{};  // the patch's edges are multiples of it
};
NetworkTopology TopologyOf(const Axes& spacing_mm, const Axes& patch);

struct NetworkWish {
  std::string architecture = "plain_conv_unet";  // or res_enc_unet: preset M's rule
  std::int64_t input_channels = 2, classes = 2;
  std::int64_t first_features = 32;  // doubled at each stage, up to 320
  double memory_gb = 8;              // of the graphics card, as nnU-Net estimates
  Axes spacing_mm{}, median_shape{};
  double dataset_voxels = 0;  // of all cases: a batch of plain_conv_unet holds at most a twentieth
  // All axes get shorter together, where nnU-Net shortens the longest. For equal spacings and edges: a cube stays one.
  bool cube = false;
};

struct PlannedNetwork {
  NetworkTopology topology;
  std::vector<std::int64_t> features;  // one a stage
  std::int64_t batch = 2;
  double feature_maps = 0;  // the estimate: values in all feature maps of one patch
};

// get_plans_for_configuration for three dimensions. Throws Error(kInvalidArgument) for another architecture and numbers
// that are not above 0, Error(kResourceExhausted) when no patch fits into the memory.
PlannedNetwork PlanNetwork(const NetworkWish& wish);

}  // namespace consilium
