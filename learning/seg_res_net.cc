// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/seg_res_net.h"

namespace consilium {
namespace {

constexpr std::int64_t kGroups = 8;
constexpr double kEps = 1e-5;

std::string Numbered(const std::string& name, std::size_t number) { return name + "." + std::to_string(number); }

// Group norm and ReLU. On the processor Torch takes bfloat16 maps with float32 scales; on a GPU both must be alike.
at::Tensor NormRelu(const at::Tensor& x, const Conv& norm) {
  if (x.is_cpu()) return at::relu(at::group_norm(x, kGroups, norm.weight, norm.bias, kEps));
  return at::relu(at::group_norm(x.to(at::kFloat), kGroups, norm.weight, norm.bias, kEps).to(x.scalar_type()));
}

// Twice the grid, trilinear between voxel centres (align_corners false).
at::Tensor DoubleGrid(const at::Tensor& x) {
  return at::upsample_trilinear3d(x, {2 * x.size(2), 2 * x.size(3), 2 * x.size(4)}, false, 2.0, 2.0, 2.0);
}

}  // namespace

SegResNet::SegResNet(const NetworkSpec& spec, at::Device device)
    : Network(spec, device),
      first_{Named("convInit.conv.weight"), {}},
      last_norm_(NormNamed("conv_final.0")),
      last_(NormNamed("conv_final.2.conv")) {
  const std::vector<std::int64_t> blocks = spec.Blocks();
  for (std::size_t s = 0; s < blocks.size(); ++s) {
    const std::string layer = Numbered("down_layers", s);
    Down down;
    if (s > 0) down.halve = Conv{Named(layer + ".0.conv.weight"), {}};
    for (std::size_t b = 1; b <= static_cast<std::size_t>(blocks[s]); ++b) {
      down.blocks.push_back(ResidualNamed(Numbered(layer, b)));
    }
    down_.push_back(std::move(down));
  }
  for (std::size_t up = 0; up + 1 < blocks.size(); ++up) {
    up_.push_back(
        {{Named(Numbered("up_samples", up) + ".0.conv.weight"), {}}, ResidualNamed(Numbered("up_layers", up) + ".0")});
  }
}

SegResNet::Residual SegResNet::ResidualNamed(const std::string& name) const {
  return {NormNamed(name + ".norm1"),
          NormNamed(name + ".norm2"),
          {Named(name + ".conv1.conv.weight"), {}},
          {Named(name + ".conv2.conv.weight"), {}}};
}

at::Tensor SegResNet::Apply(const at::Tensor& x, const Residual& block) {
  const at::Tensor y = Convolve(NormRelu(x, block.norm1), block.conv1);
  return Convolve(NormRelu(y, block.norm2), block.conv2) + x;
}

std::vector<at::Tensor> SegResNet::Run(at::Tensor x, Levels /*levels*/) const {
  x = Convolve(x, first_);
  std::vector<at::Tensor> maps;
  for (const Down& down : down_) {
    if (down.halve) x = Convolve(x, *down.halve, 2);
    for (const Residual& block : down.blocks) x = Apply(x, block);
    maps.push_back(x);
  }
  for (std::size_t s = 0; s < up_.size(); ++s) {
    x = DoubleGrid(Convolve(x, up_[s].narrow)) + maps[maps.size() - 2 - s];
    x = Apply(x, up_[s].block);
  }
  return {Convolve(NormRelu(x, last_norm_), last_)};
}

}  // namespace consilium
