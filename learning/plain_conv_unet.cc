// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/plain_conv_unet.h"

#include <algorithm>
#include <sstream>

#include "core/base/error.h"
#include "learning/norm_act.h"

namespace consilium {
namespace {

// Registers `tensor` under a dotted name, making the modules on the way.
void Register(torch::nn::Module& root, const std::string& name, const at::Tensor& tensor) {
  std::istringstream parts(name);
  std::string part;
  std::shared_ptr<torch::nn::Module> owner;
  torch::nn::Module* module = &root;
  while (std::getline(parts, part, '.')) {
    if (parts.eof()) break;
    const auto children = module->named_children();
    const auto* child = children.find(part);
    owner = child != nullptr ? *child : module->register_module(part, std::make_shared<torch::nn::Module>());
    module = owner.get();
  }
  module->register_parameter(part, tensor);
}

at::Tensor Convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t stride) {
  const auto type = x.scalar_type();
  const std::int64_t padding = weight.size(2) / 2;
  return at::conv3d(x, weight.to(type), bias.to(type), {stride, stride, stride}, {padding, padding, padding});
}

}  // namespace

PlainConvUNet::PlainConvUNet(const NetworkSpec& spec, at::Device device) : spec_(spec) {
  spec.Validate();
  for (const ArraySpec& array : LayoutOf(spec)) {
    tensors_.push_back(at::zeros(array.shape, at::TensorOptions(device).dtype(at::kFloat)));
    Register(*this, array.name, tensors_.back());
  }
  const auto stages = spec.features.size();
  for (std::size_t s = 0; s < stages; ++s) {
    encoder_.push_back(StageNamed("encoder.stages." + std::to_string(s) + ".0", s == 0 ? 1 : 2));
  }
  for (std::size_t s = 0; s + 1 < stages; ++s) {
    decoder_.push_back(StageNamed("decoder.stages." + std::to_string(s), 1));
    up_.push_back(ConvNamed("decoder.transpconvs." + std::to_string(s)));
    heads_.push_back(ConvNamed("decoder.seg_layers." + std::to_string(s)));
  }
}

PlainConvUNet::Conv PlainConvUNet::ConvNamed(const std::string& name) const {
  const auto all = named_parameters();
  return {all[name + ".weight"], all[name + ".bias"]};
}

std::vector<PlainConvUNet::Block> PlainConvUNet::StageNamed(const std::string& name, std::int64_t first_stride) const {
  std::vector<Block> blocks;
  for (std::int64_t i = 0; i < spec_.convs_per_stage; ++i) {
    const std::string block = name + ".convs." + std::to_string(i);
    blocks.push_back({ConvNamed(block + ".conv"), ConvNamed(block + ".norm"), i == 0 ? first_stride : 1});
  }
  return blocks;
}

std::vector<at::Tensor> PlainConvUNet::Forward(const at::Tensor& image, Precision precision, Levels levels) const {
  const auto run = [](at::Tensor x, const std::vector<Block>& stage) {
    for (const Block& block : stage) {
      x = NormAct(Convolve(x, block.conv.weight, block.conv.bias, block.stride), block.norm.weight, block.norm.bias);
    }
    return x;
  };
  at::Tensor x = image.to(precision == Precision::kBfloat16 ? at::kBFloat16 : at::kFloat);
  if (x.is_cpu()) x = x.contiguous(at::MemoryFormat::ChannelsLast3d);
  std::vector<at::Tensor> skips;
  for (const auto& stage : encoder_) {
    x = run(x, stage);
    skips.push_back(x);
  }
  std::vector<at::Tensor> scores;
  for (std::size_t s = 0; s < decoder_.size(); ++s) {
    const Conv& up = up_[s];
    x = at::conv_transpose3d(x, up.weight.to(x.scalar_type()), up.bias.to(x.scalar_type()), {2, 2, 2});
    x = run(at::cat({x, skips[skips.size() - 2 - s]}, 1), decoder_[s]);
    if (levels == Levels::kAll || s + 1 == decoder_.size()) {
      scores.push_back(Convolve(x, heads_[s].weight, heads_[s].bias, 1).to(at::kFloat));
    }
  }
  std::reverse(scores.begin(), scores.end());
  return scores;
}

}  // namespace consilium
