// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/network.h"

#include "core/base/error.h"
#include "learning/nnunet.h"
#include "learning/seg_res_net.h"

namespace consilium {

Network::Network(const NetworkSpec& spec, at::Device device) : spec_(spec) {
  for (const ArraySpec& array : LayoutOf(spec)) {
    tensors_.push_back(at::zeros(array.shape, at::TensorOptions(device).dtype(at::kFloat)).set_requires_grad(true));
    by_name_.emplace(array.name, tensors_.back());
  }
}

const at::Tensor& Network::Named(const std::string& name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) throw Error(ErrorCode::kInternal, "network: its layout has no array " + name);
  return found->second;
}

std::vector<at::Tensor> Network::Forward(const at::Tensor& image, Precision precision, Levels levels) const {
  at::Tensor x = image.to(precision == Precision::kBfloat16 ? at::kBFloat16 : at::kFloat);
  if (x.is_cpu()) x = x.contiguous(at::MemoryFormat::ChannelsLast3d);
  std::vector<at::Tensor> scores = Run(std::move(x), levels);
  for (at::Tensor& level : scores) level = level.to(at::kFloat);
  return scores;
}

std::unique_ptr<Network> MakeNetwork(const NetworkSpec& spec, at::Device device) {
  spec.Validate();
  if (spec.architecture == "seg_res_net") return std::make_unique<SegResNet>(spec, device);
  if (spec.architecture == "res_enc_unet") return std::make_unique<ResEncUNet>(spec, device);
  return std::make_unique<PlainConvUNet>(spec, device);
}

at::Tensor Convolve(const at::Tensor& x, const Conv& conv, std::int64_t stride) {
  const auto type = x.scalar_type();
  const std::int64_t padding = conv.weight.size(2) / 2;
  const auto bias = conv.bias.defined() ? std::optional<at::Tensor>(conv.bias.to(type)) : std::nullopt;
  return at::conv3d(x, conv.weight.to(type), bias, {stride, stride, stride}, {padding, padding, padding});
}

}  // namespace consilium
