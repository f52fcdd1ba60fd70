// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/round/train_plan.h"
#include "learning/torch.h"

namespace consilium {

// learning_rate * (1 - step / total_steps)^0.9, nnU-Net's PolyLRScheduler; 0 from total_steps on.
double PolyLearningRate(double learning_rate, std::int64_t step, std::int64_t total_steps);

// SGD with Nesterov momentum and weight decay as torch.optim.SGD, after the gradients' joint norm is clipped as
// torch.nn.utils.clip_grad_norm_. Everything stays on the device. Parameters without a gradient (a segmentation head
// whose level has weight 0) are left alone, and so is their momentum.
class Sgd {
 public:
  // `momentum` is changed in place; a first step from zeros is torch.optim's first step.
  Sgd(std::vector<at::Tensor> parameters, std::vector<at::Tensor> momentum, const TrainPlan& plan);
  void Step(double learning_rate);  // uses and clears the gradients

 private:
  std::vector<at::Tensor> parameters_, momentum_;
  TrainPlan plan_;
};

}  // namespace consilium
