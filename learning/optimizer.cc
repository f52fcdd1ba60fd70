// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/optimizer.h"

#include <algorithm>
#include <utility>

namespace consilium {

Optimizer::Optimizer(std::vector<at::Tensor> parameters, OptimizerTensors& state, const TrainPlan& plan,
                     std::vector<at::Tensor> correction)
    : parameters_(std::move(parameters)), correction_(std::move(correction)), state_(state), plan_(plan) {
  if (plan_.proximal == 0) return;
  for (const at::Tensor& parameter : parameters_) anchor_.push_back(parameter.detach().clone());
}

std::vector<at::Tensor> Optimizer::Of(const std::vector<at::Tensor>& all, const std::vector<std::size_t>& with) const {
  std::vector<at::Tensor> some;
  for (const std::size_t i : with) some.push_back(all[i]);
  return some;
}

void Optimizer::Step(double learning_rate) {
  const at::NoGradGuard no_gradients;
  std::vector<std::size_t> with;
  std::vector<at::Tensor> gradients;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& gradient = parameters_[i].mutable_grad();
    if (!gradient.defined()) continue;
    with.push_back(i);
    gradients.push_back(gradient.contiguous());
    gradient.reset();
  }
  if (!correction_.empty()) at::_foreach_add_(gradients, Of(correction_, with));
  if (plan_.proximal > 0) {
    at::_foreach_add_(gradients, at::_foreach_sub(Of(parameters_, with), Of(anchor_, with)), plan_.proximal);
  }
  const at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)), 2);
  at::_foreach_mul_(gradients, (plan_.gradient_clip / (norm + 1e-6)).clamp_max(1.0));
  ++state_.steps;
  plan_.optimizer == "adamw" ? AdamW(with, gradients, learning_rate) : Sgd(with, gradients, learning_rate);
  if (plan_.average > 0) {
    const auto t = static_cast<double>(state_.steps);
    at::_foreach_lerp_(state_.average, parameters_, 1 - std::min(plan_.average, (1 + t) / (10 + t)));
  }
}

void Optimizer::Sgd(const std::vector<std::size_t>& with, const std::vector<at::Tensor>& gradients,
                    double learning_rate) {
  const bool remembers = plan_.momentum > 0;  // Torch takes no buffers where there is nothing to remember
  at::_fused_sgd_(Of(parameters_, with), gradients, remembers ? Of(state_.momentum, with) : std::vector<at::Tensor>(),
                  plan_.weight_decay, plan_.momentum, learning_rate, /*dampening=*/0, /*nesterov=*/remembers,
                  /*maximize=*/false, /*is_first_step=*/false);
}

void Optimizer::AdamW(const std::vector<std::size_t>& with, const std::vector<at::Tensor>& gradients,
                      double learning_rate) {
  const at::Tensor step =
      at::full({}, static_cast<double>(state_.steps), at::TensorOptions(gradients.front().device()).dtype(at::kFloat));
  at::_fused_adamw_(Of(parameters_, with), gradients, Of(state_.momentum, with), Of(state_.second_moment, with), {},
                    std::vector<at::Tensor>(with.size(), step), learning_rate, /*beta1=*/0.9, /*beta2=*/0.999,
                    plan_.weight_decay, /*eps=*/1e-8, /*amsgrad=*/false, /*maximize=*/false);
}

}  // namespace consilium
