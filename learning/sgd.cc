// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/sgd.h"

#include <cmath>
#include <utility>

namespace consilium {

double PolyLearningRate(double learning_rate, std::int64_t step, std::int64_t total_steps) {
  if (step >= total_steps) return 0;
  return learning_rate * std::pow(1.0 - static_cast<double>(step) / static_cast<double>(total_steps), 0.9);
}

Sgd::Sgd(std::vector<at::Tensor> parameters, std::vector<at::Tensor> momentum, const TrainPlan& plan)
    : parameters_(std::move(parameters)), momentum_(std::move(momentum)), plan_(plan) {}

void Sgd::Step(double learning_rate) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> parameters, gradients, momentum;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& gradient = parameters_[i].mutable_grad();
    if (!gradient.defined()) continue;
    parameters.push_back(parameters_[i]);
    gradients.push_back(gradient.contiguous());
    momentum.push_back(momentum_[i]);
    gradient.reset();
  }
  const at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)), 2);
  at::_foreach_mul_(gradients, (plan_.gradient_clip / (norm + 1e-6)).clamp_max(1.0));
  at::_fused_sgd_(parameters, gradients, momentum, plan_.weight_decay, plan_.momentum, learning_rate, /*dampening=*/0,
                  /*nesterov=*/true, /*maximize=*/false, /*is_first_step=*/false);
}

}  // namespace consilium
