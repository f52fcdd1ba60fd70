// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace consilium {

// How a site trains in one round (nnU-Net's recipe, sizes from the plan).
struct TrainPlan {
  std::int64_t steps = 50;  // optimiser steps a round
  std::int64_t batch = 2;
  std::int64_t patch = 48;      // cubic edge in voxels; a multiple of the network's grid factor
  double learning_rate = 0.01;  // SGD, Nesterov; poly decay (1 - step / total_steps)^0.9 over the RUN
  double momentum = 0.99;
  double weight_decay = 3e-5;
  double foreground_fraction = 0.33;  // share of a batch forced to hold tumour (nnU-Net oversampling)
  double gradient_clip = 12;          // norm
  bool mirror = true;                 // flips of each axis, p 0.5
  std::string precision = "auto";     // auto | float32 | bfloat16; auto is a function of processor features only

  template <class V>
  void Visit(V& v) {
    v.Field("steps", steps, "optimiser steps of a site in one round");
    v.Field("batch", batch, "patches in one step");
    v.Field("patch", patch, "edge of a patch in voxels");
    v.Field("learning_rate", learning_rate, "first learning rate; falls by the poly rule over the run");
    v.Field("momentum", momentum, "Nesterov momentum");
    v.Field("weight_decay", weight_decay, "L2 penalty");
    v.Field("foreground_fraction", foreground_fraction, "share of patches that must hold tumour");
    v.Field("gradient_clip", gradient_clip, "largest gradient norm");
    v.Field("mirror", mirror, "random flips of each axis");
    v.Field("precision", precision, "auto, float32 or bfloat16");
  }
  void Validate() const;
  friend bool operator==(const TrainPlan&, const TrainPlan&) = default;
};

}  // namespace consilium
