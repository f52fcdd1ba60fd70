// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/nnunet.h"

#include <algorithm>

#include "learning/norm_act.h"

namespace consilium {
namespace {

std::string Numbered(const std::string& name, std::size_t number) { return name + "." + std::to_string(number); }

constexpr double kSlope = 0.01;  // of leaky ReLU

// Average pooling by 2, a pair at a time: Torch's avg_pool3d has no bfloat16 on the processor and leaves channels-last.
// (2 x 32 x 32^3, 2 threads, forward and back: 12.5 ms for 16.1 in float32, 7.8 for 21.9 in bfloat16.)
at::Tensor HalveGrid(at::Tensor x) {
  for (std::int64_t axis = 2; axis <= 4; ++axis) {
    x = x.slice(axis, 0, std::nullopt, 2) + x.slice(axis, 1, std::nullopt, 2);
  }
  return x * 0.125;
}

}  // namespace

NnUNet::NnUNet(const NetworkSpec& spec, at::Device device) : Network(spec, device) {
  for (std::size_t level = 0; level + 1 < spec.features.size(); ++level) {
    decoder_.push_back(BlocksNamed(Numbered("decoder.stages", level), spec.convs_per_stage));
    up_.push_back(ConvNamed(Numbered("decoder.transpconvs", level)));
    heads_.push_back(ConvNamed(Numbered("decoder.seg_layers", level)));
  }
}

Conv NnUNet::ConvNamed(const std::string& name) const {
  return {Named(name + ".weight"), Has(name + ".bias") ? Named(name + ".bias") : at::Tensor()};
}

NnUNet::Block NnUNet::BlockNamed(const std::string& name, std::int64_t stride, double slope) const {
  return {ConvNamed(name + ".conv"), ConvNamed(name + ".norm"), stride, slope};
}

std::vector<NnUNet::Block> NnUNet::BlocksNamed(const std::string& name, std::int64_t count,
                                               std::int64_t first_stride) const {
  std::vector<Block> blocks;
  for (std::int64_t i = 0; i < count; ++i) {
    blocks.push_back(BlockNamed(name + ".convs." + std::to_string(i), i == 0 ? first_stride : 1));
  }
  return blocks;
}

at::Tensor NnUNet::Apply(at::Tensor x, const Block& block) {
  return NormAct(Convolve(x, block.conv, block.stride), block.norm.weight, block.norm.bias, block.slope);
}

at::Tensor NnUNet::Apply(at::Tensor x, const std::vector<Block>& blocks) {
  for (const Block& block : blocks) x = Apply(std::move(x), block);
  return x;
}

std::vector<at::Tensor> NnUNet::Run(at::Tensor x, Levels levels) const {
  const std::vector<at::Tensor> skips = Encode(std::move(x));
  at::Tensor y = skips.back();
  std::vector<at::Tensor> scores;
  for (std::size_t s = 0; s < decoder_.size(); ++s) {
    const Conv& up = up_[s];
    y = at::conv_transpose3d(y, up.weight.to(y.scalar_type()), up.bias.to(y.scalar_type()), {2, 2, 2});
    y = Apply(at::cat({y, skips[skips.size() - 2 - s]}, 1), decoder_[s]);
    if (levels == Levels::kAll || s + 1 == decoder_.size()) scores.push_back(Convolve(y, heads_[s]));
  }
  std::reverse(scores.begin(), scores.end());
  return scores;
}

PlainConvUNet::PlainConvUNet(const NetworkSpec& spec, at::Device device) : NnUNet(spec, device) {
  for (std::size_t s = 0; s < spec.features.size(); ++s) {
    stages_.push_back(BlocksNamed(Numbered("encoder.stages", s) + ".0", spec.convs_per_stage, s == 0 ? 1 : 2));
  }
}

std::vector<at::Tensor> PlainConvUNet::Encode(at::Tensor x) const {
  std::vector<at::Tensor> maps;
  for (const std::vector<Block>& stage : stages_) {
    x = NnUNet::Apply(std::move(x), stage);
    maps.push_back(x);
  }
  return maps;
}

ResEncUNet::ResEncUNet(const NetworkSpec& spec, at::Device device)
    : NnUNet(spec, device), stem_(BlockNamed("encoder.stem.convs.0")) {
  const std::vector<std::int64_t> blocks = spec.Blocks();
  for (std::size_t s = 0; s < blocks.size(); ++s) {
    const std::string stage = Numbered("encoder.stages", s) + ".blocks";
    stages_.emplace_back();
    for (std::size_t b = 0; b < static_cast<std::size_t>(blocks[s]); ++b) {
      stages_.back().push_back(ResidualNamed(Numbered(stage, b), s > 0 && b == 0 ? 2 : 1));
    }
  }
}

ResEncUNet::Residual ResEncUNet::ResidualNamed(const std::string& name, std::int64_t stride) const {
  Residual block{BlockNamed(name + ".conv1", stride), BlockNamed(name + ".conv2", 1, 1), std::nullopt, stride};
  const std::string skip = name + ".skip.1";  // skip.0 is the pooling
  if (Has(skip + ".conv.weight")) block.projection = BlockNamed(skip, 1, 1);
  return block;
}

at::Tensor ResEncUNet::Apply(const at::Tensor& x, const Residual& block) {
  at::Tensor skip = x;
  if (block.stride > 1) skip = HalveGrid(skip);
  if (block.projection) skip = NnUNet::Apply(skip, *block.projection);
  const at::Tensor y = NnUNet::Apply(NnUNet::Apply(x, block.first), block.second);
  return at::leaky_relu(y + skip, kSlope);
}

std::vector<at::Tensor> ResEncUNet::Encode(at::Tensor x) const {
  x = NnUNet::Apply(std::move(x), stem_);
  std::vector<at::Tensor> maps;
  for (const std::vector<Residual>& stage : stages_) {
    for (const Residual& block : stage) x = Apply(x, block);
    maps.push_back(x);
  }
  return maps;
}

}  // namespace consilium
