// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/loss.h"

#include <numeric>

#include "learning/augmentation.h"

namespace consilium {

at::Tensor DiceCrossEntropy(const at::Tensor& scores, const at::Tensor& target, Labelled labelled) {
  constexpr double kSmooth = 1e-5;
  const at::Tensor log_probability = at::log_softmax(scores, 1);
  const std::int64_t foreground = scores.size(1) - 1;
  at::Tensor probability = log_probability.narrow(1, 1, foreground).exp();
  at::Tensor cross_entropy;
  if (labelled == Labelled::kWhole) {
    cross_entropy = at::nll_loss_nd(log_probability, target);
  } else {
    const at::Tensor judged = target.ne(kIgnoreLabel);
    cross_entropy =
        at::nll_loss_nd(log_probability, target, {}, at::Reduction::Sum, kIgnoreLabel) / judged.sum().clamp_min(1);
    probability = probability * judged.unsqueeze(1);
  }
  const at::Tensor wanted =
      target.unsqueeze(1).eq(at::arange(1, foreground + 1, target.options()).view({1, foreground, 1, 1, 1}));
  const std::vector<std::int64_t> space = {2, 3, 4};
  const at::Tensor both = (probability * wanted).sum(space);
  const at::Tensor either = probability.sum(space) + wanted.sum(space);
  const at::Tensor dice = (2 * both + kSmooth) / (either + kSmooth).clamp_min(1e-8);
  return cross_entropy - dice.mean();
}

std::vector<double> DeepSupervisionWeights(std::size_t levels) {
  std::vector<double> weights(levels);
  for (std::size_t l = 0; l < levels; ++l) weights[l] = l > 0 && l + 1 == levels ? 0.0 : 1.0 / double(1U << l);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& w : weights) w /= sum;
  return weights;
}

at::Tensor DeepSupervisionLoss(const std::vector<at::Tensor>& scores, const at::Tensor& target, Labelled labelled) {
  const std::vector<double> weights = DeepSupervisionWeights(scores.size());
  at::Tensor total;
  for (std::size_t l = 0; l < scores.size(); ++l) {
    if (weights[l] == 0) continue;
    const std::int64_t step = std::int64_t{1} << l;
    at::Tensor at_level = target;
    for (std::int64_t axis = 1; axis <= 3; ++axis) {
      at_level = at_level.slice(axis, step / 2, std::nullopt, step);  // floor((i + 1/2) * step)
    }
    const at::Tensor loss = weights[l] * DiceCrossEntropy(scores[l], at_level.contiguous(), labelled);
    total = total.defined() ? total + loss : loss;
  }
  return total;
}

}  // namespace consilium
