// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/parameters.h"

namespace consilium {

// Which network a plan trains and a model card describes. Three architectures, each with the arrays of its reference:
//   plain_conv_unet  nnU-Net v2's PlainConvUNet: 3x3x3 convolutions with bias, instance norm (eps 1e-5, affine), leaky
//                    ReLU 0.01; a stage begins with stride 2; transposed convolutions up, joined with the encoder's
//                    maps; a 1x1x1 segmentation head at every decoder level.
//   res_enc_unet     nnU-Net v2's ResidualEncoderUNet (its presets M, L, XL): a stem, then residual blocks
//                    (BasicBlockD) in the encoder, the same decoder.
//   seg_res_net      MONAI's SegResNet: pre-activation residual blocks with group norm (8 groups) and ReLU, trilinear
//                    steps up that are added; one output, so no deep supervision.
// Sources: dynamic-network-architectures 0.4.2, MONAI 1.5.2.
struct NetworkSpec {
  std::string architecture = "plain_conv_unet";
  std::int64_t input_channels = 2;
  std::int64_t classes = 2;                                // background and tumour
  std::vector<std::int64_t> features = {16, 32, 64, 128};  // one a stage; every stage but the first halves the grid
  std::int64_t convs_per_stage = 2;                        // res_enc_unet: of the decoder; seg_res_net: always 2
  std::vector<std::int64_t> blocks_per_stage = {};         // residual blocks of the encoder; empty: see Blocks()
  bool deep_supervision = true;

  template <class V>
  void Visit(V& v) {
    v.NewField("architecture", architecture, "plain_conv_unet and res_enc_unet of nnU-Net, or seg_res_net of MONAI");
    v.Field("input_channels", input_channels, "PET and CT");
    v.Field("classes", classes, "background and tumour");
    v.Field("features", features, "feature maps of each stage, finest first; seg_res_net: doubled at each stage");
    v.Field("convs_per_stage", convs_per_stage,
            "3x3x3 convolutions in each encoder and decoder stage; res_enc_unet: in each decoder stage, 1 in nnU-Net's "
            "presets");
    v.NewField("blocks_per_stage", blocks_per_stage,
               "residual blocks in each encoder stage; []: 1 3 4 6 6 6 of res_enc_unet (preset M), 1 2 2 4 of "
               "seg_res_net");
    v.Field("deep_supervision", deep_supervision,
            "loss at every decoder level but the coarsest; seg_res_net has one level: false");
  }
  void Validate() const;  // throws Error(kInvalidArgument) naming the field

  // Residual blocks of each encoder stage, the reference's own where the plan names none; none for plain_conv_unet.
  std::vector<std::int64_t> Blocks() const;

  // Patch and tile edges must be multiples of this: 2^(stages-1).
  std::int64_t GridFactor() const { return std::int64_t{1} << (features.size() - 1); }
  // The smallest edge from `edge` up that a patch may have: a multiple of GridFactor(), and at least two of them, since
  // instance norm of the coarsest grid's only voxel is nothing.
  std::int64_t PatchFrom(std::int64_t edge) const;

  friend bool operator==(const NetworkSpec&, const NetworkSpec&) = default;
};

// How an array begins. kKaimingNormal: nnU-Net's InitWeights_He(1e-2), standard deviation sqrt(2 / (1 + 0.01^2) /
// fan_in). kUniform: Torch's own start of a convolution, weight and bias, between -1 and 1 / sqrt(fan_in).
enum class InitRule { kKaimingNormal, kUniform, kZero, kOne };

struct ArraySpec {
  std::string name;  // the reference's state_dict name, e.g. encoder.stages.0.0.convs.0.conv.weight
  std::vector<std::int64_t> shape;
  InitRule init = InitRule::kZero;
  // Inputs of one output as Torch counts them: the weight's second dimension times its kernel, for transposed
  // convolutions too. Of the drawn arrays only.
  std::int64_t fan_in = 0;
  bool norm = false;  // scale or shift of a norm layer
};

// Whether an array stays in each hospital: `keep_local` is "none", or "norm" for scale and shift of the norm layers.
bool StaysLocal(const ArraySpec& array, std::string_view keep_local);

// The network's arrays in its own order (the state_dict's, each array once); learning/ builds exactly these.
std::vector<ArraySpec> LayoutOf(const NetworkSpec& spec);

// A first global model without Torch. Same seed, same numbers, on every machine.
Parameters InitialParameters(const NetworkSpec& spec, std::uint64_t seed);

}  // namespace consilium
