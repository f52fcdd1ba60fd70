// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "learning/network.h"

namespace consilium {

// What nnU-Net v2's two U-Nets share (dynamic-network-architectures 0.4.2, building_blocks/unet_decoder.py): an encoder
// that gives one map a stage, and the decoder over them. nnU-Net's own names.
class NnUNet : public Network {
 protected:
  // Convolution, instance norm, leaky ReLU of the given slope (1: none).
  struct Block {
    Conv conv;
    Conv norm;
    std::int64_t stride = 1;
    double slope = 0.01;
  };
  NnUNet(const NetworkSpec& spec, at::Device device);
  Block BlockNamed(const std::string& name, std::int64_t stride = 1, double slope = 0.01) const;
  std::vector<Block> BlocksNamed(const std::string& name, std::int64_t count, std::int64_t first_stride = 1) const;
  static at::Tensor Apply(at::Tensor x, const Block& block);
  static at::Tensor Apply(at::Tensor x, const std::vector<Block>& blocks);

 private:
  virtual std::vector<at::Tensor> Encode(at::Tensor x) const = 0;  // the stages' maps, finest first
  std::vector<at::Tensor> Run(at::Tensor x, Levels levels) const final;
  Conv ConvNamed(const std::string& name) const;

  std::vector<std::vector<Block>> decoder_;  // coarsest first, as up_ and heads_
  std::vector<Conv> up_;
  std::vector<Conv> heads_;
};

// architectures/unet.py, PlainConvUNet.
class PlainConvUNet final : public NnUNet {
 public:
  PlainConvUNet(const NetworkSpec& spec, at::Device device);

 private:
  std::vector<at::Tensor> Encode(at::Tensor x) const override;
  std::vector<std::vector<Block>> stages_;
};

// architectures/unet.py, ResidualEncoderUNet, with BasicBlockD of building_blocks/residual.py.
class ResEncUNet final : public NnUNet {
 public:
  ResEncUNet(const NetworkSpec& spec, at::Device device);

 private:
  struct Residual {
    Block first, second;
    std::optional<Block> projection;  // of the skip, where the channels change
    std::int64_t stride = 1;
  };
  Residual ResidualNamed(const std::string& name, std::int64_t stride) const;
  static at::Tensor Apply(const at::Tensor& x, const Residual& block);
  std::vector<at::Tensor> Encode(at::Tensor x) const override;

  Block stem_;
  std::vector<std::vector<Residual>> stages_;
};

}  // namespace consilium
