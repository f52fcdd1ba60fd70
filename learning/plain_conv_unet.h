// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/model/network_spec.h"
#include "learning/compute.h"
#include "learning/torch.h"

namespace consilium {

// nnU-Net v2's PlainConvUNet (dynamic-network-architectures, architectures/unet.py). The module tree carries
// nnU-Net's own names, so its parameters are LayoutOf(spec), one to one and in that order; they are float32.
// Feature maps and convolutions use `precision`; norms are worked out in float32, and scores leave as float32.
class PlainConvUNet : public torch::nn::Module {
 public:
  // All parameters are zero until they are loaded (tensors.h).
  PlainConvUNet(const NetworkSpec& spec, at::Device device);

  // Class scores before softmax [B, classes, D, H, W], finest level first; one level for Levels::kFinest.
  // `image` [B, input channels, D, H, W] float32, edges multiples of spec.GridFactor().
  enum class Levels { kFinest, kAll };
  std::vector<at::Tensor> Forward(const at::Tensor& image, Precision precision, Levels levels) const;

  const NetworkSpec& spec() const { return spec_; }
  const std::vector<at::Tensor>& tensors() const { return tensors_; }  // in LayoutOf's order

 private:
  struct Conv {
    at::Tensor weight, bias;
  };
  struct Block {
    Conv conv;
    Conv norm;
    std::int64_t stride = 1;
  };
  Conv ConvNamed(const std::string& name) const;
  std::vector<Block> StageNamed(const std::string& name, std::int64_t first_stride) const;

  NetworkSpec spec_;
  std::vector<at::Tensor> tensors_;
  std::vector<std::vector<Block>> encoder_;
  std::vector<std::vector<Block>> decoder_;  // coarsest first, as up_ and heads_
  std::vector<Conv> up_;
  std::vector<Conv> heads_;
};

}  // namespace consilium
