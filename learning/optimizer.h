// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/round/train_plan.h"
#include "learning/torch.h"

namespace consilium {

// What the optimiser remembers, on the device: one tensor for each parameter, in LayoutOf's order, or none.
struct OptimizerTensors {
  std::vector<at::Tensor> momentum;       // sgd's momentum, adamw's first moment
  std::vector<at::Tensor> second_moment;  // adamw only
  std::vector<at::Tensor> average;        // TrainPlan::average > 0 only
  std::int64_t steps = 0;                 // taken since the moments were zero
};

// SGD with Nesterov momentum and weight decay as torch.optim.SGD, or torch.optim.AdamW (eps 1e-8), after the gradients'
// joint norm is clipped as torch.nn.utils.clip_grad_norm_. SCAFFOLD's correction and
// FedProx's pull (Li et al., MLSys 2020) are part of the gradient and are clipped with it. Then average = d average +
// (1 - d) parameters, d = min(plan.average, (1 + t) / (10 + t)) in step t, so that the first weights are soon
// forgotten. Everything stays on the device. Parameters without a gradient (a segmentation head whose level has weight
// 0) are left alone, and so is what is remembered of them.
class Optimizer {
 public:
  // `parameters` and `state` are changed in place; a first step from zeros is torch.optim's first step. FedProx pulls
  // towards the parameters as they are now. `correction` is added to the gradients: one for each parameter, or none.
  Optimizer(std::vector<at::Tensor> parameters, OptimizerTensors& state, const TrainPlan& plan,
            std::vector<at::Tensor> correction = {});
  void Step(double learning_rate);  // uses and clears the gradients

 private:
  void Sgd(const std::vector<std::size_t>& with, const std::vector<at::Tensor>& gradients, double learning_rate);
  void AdamW(const std::vector<std::size_t>& with, const std::vector<at::Tensor>& gradients, double learning_rate);
  std::vector<at::Tensor> Of(const std::vector<at::Tensor>& all, const std::vector<std::size_t>& with) const;

  std::vector<at::Tensor> parameters_, correction_, anchor_;
  OptimizerTensors& state_;
  TrainPlan plan_;
};

}  // namespace consilium
