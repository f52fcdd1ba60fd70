// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/model/parameters.h"

namespace consilium {

// A plain convolutional U-Net as nnU-Net v2 builds it (dynamic-network-architectures, PlainConvUNet): two 3x3x3
// convolutions a stage, instance norm (eps 1e-5, affine), leaky ReLU 0.01, strided first convolution of a stage,
// transposed convolution up, a 1x1x1 segmentation head at every decoder level.
struct NetworkSpec {
  std::int64_t input_channels = 2;
  std::int64_t classes = 2;                                // background and tumour
  std::vector<std::int64_t> features = {16, 32, 64, 128};  // one a stage; every stage but the first halves the grid
  std::int64_t convs_per_stage = 2;
  bool deep_supervision = true;

  template <class V>
  void Visit(V& v) {
    v.Field("input_channels", input_channels, "PET and CT");
    v.Field("classes", classes, "background and tumour");
    v.Field("features", features, "feature maps of each stage, finest first");
    v.Field("convs_per_stage", convs_per_stage, "3x3x3 convolutions in each encoder and decoder stage");
    v.Field("deep_supervision", deep_supervision, "loss at every decoder level but the coarsest");
  }
  void Validate() const;  // throws Error(kInvalidArgument) naming the field

  // Patch and tile edges must be multiples of this: 2^(stages-1).
  std::int64_t GridFactor() const { return std::int64_t{1} << (features.size() - 1); }
  // The smallest edge from `edge` up that a patch may have: a multiple of GridFactor(), and at least two of them, since
  // instance norm of the coarsest grid's only voxel is nothing.
  std::int64_t PatchFrom(std::int64_t edge) const;

  friend bool operator==(const NetworkSpec&, const NetworkSpec&) = default;
};

enum class InitRule { kKaimingNormal, kZero, kOne };  // Kaiming: a = 0.01 (leaky ReLU), fan in

struct ArraySpec {
  std::string name;  // nnU-Net's state_dict name, e.g. encoder.stages.0.0.convs.0.conv.weight
  std::vector<std::int64_t> shape;
  InitRule init = InitRule::kZero;
};

// The network's arrays in its own order; learning/ builds exactly these.
std::vector<ArraySpec> LayoutOf(const NetworkSpec& spec);

// A first global model without Torch: standard deviation sqrt(2 / (1 + 0.01^2) / fan_in), as
// torch.nn.init.kaiming_normal_(a=0.01); biases 0, norm weights 1. Same seed, same numbers, on every machine.
Parameters InitialParameters(const NetworkSpec& spec, std::uint64_t seed);

}  // namespace consilium
