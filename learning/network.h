// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "core/model/network_spec.h"
#include "learning/compute.h"
#include "learning/torch.h"

namespace consilium {

// A network on a device: the arrays of LayoutOf(spec), float32, and the scores they give. Feature maps and convolutions
// use the precision asked for; norms are worked out in float32, and scores leave as float32.
class Network {
 public:
  virtual ~Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Class scores before softmax [B, classes, D, H, W], finest level first; one level for Levels::kFinest, and for a
  // network without deep supervision. `image` [B, input channels, D, H, W] float32, edges multiples of
  // spec.GridFactor().
  enum class Levels { kFinest, kAll };
  std::vector<at::Tensor> Forward(const at::Tensor& image, Precision precision, Levels levels) const;

  const NetworkSpec& spec() const { return spec_; }
  const std::vector<at::Tensor>& tensors() const { return tensors_; }  // in LayoutOf's order, with gradients

 protected:
  Network(const NetworkSpec& spec, at::Device device);
  const at::Tensor& Named(const std::string& name) const;
  bool Has(const std::string& name) const { return by_name_.contains(name); }

 private:
  // `x` in the precision of the feature maps, channels last on the processor.
  virtual std::vector<at::Tensor> Run(at::Tensor x, Levels levels) const = 0;

  NetworkSpec spec_;
  std::vector<at::Tensor> tensors_;
  std::map<std::string, at::Tensor, std::less<>> by_name_;
};

// The network of the spec's architecture. All parameters are zero until they are loaded (tensors.h). Throws
// Error(kInvalidArgument) as NetworkSpec::Validate.
std::unique_ptr<Network> MakeNetwork(const NetworkSpec& spec, at::Device device);

// The scores of the plan's training: every level if it has deep supervision.
inline Network::Levels TrainingLevels(const NetworkSpec& spec) {
  return spec.deep_supervision ? Network::Levels::kAll : Network::Levels::kFinest;
}

// Weights of a convolution, `bias` undefined where it has none.
struct Conv {
  at::Tensor weight, bias;
};

// "Same" padding for odd kernels; the output has the type of x.
at::Tensor Convolve(const at::Tensor& x, const Conv& conv, std::int64_t stride = 1);

}  // namespace consilium
