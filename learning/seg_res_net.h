// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "learning/network.h"

namespace consilium {

// MONAI 1.5.2's SegResNet (networks/nets/segresnet.py, networks/blocks/segresnet_block.py) as it comes: group norm with
// 8 groups, ReLU, `nontrainable` upsampling, one block a decoder stage, no dropout. MONAI's own names.
class SegResNet final : public Network {
 public:
  SegResNet(const NetworkSpec& spec, at::Device device);

 private:
  struct Residual {
    Conv norm1, norm2;
    Conv conv1, conv2;
  };
  struct Down {
    std::optional<Conv> halve;  // stride 2; none in the first stage
    std::vector<Residual> blocks;
  };
  struct Up {
    Conv narrow;  // 1x1x1, to half the channels, before the grid is doubled
    Residual block;
  };
  Conv NormNamed(const std::string& name) const { return {Named(name + ".weight"), Named(name + ".bias")}; }
  Residual ResidualNamed(const std::string& name) const;
  static at::Tensor Apply(const at::Tensor& x, const Residual& block);
  std::vector<at::Tensor> Run(at::Tensor x, Levels levels) const override;

  Conv first_;
  std::vector<Down> down_;
  std::vector<Up> up_;  // coarsest first
  Conv last_norm_, last_;
};

}  // namespace consilium
