// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/predict/prediction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "imaging/findings/find_lesions.h"
#include "imaging/findings/segmentation_metrics.h"
#include "imaging/prepare/preparer.h"

namespace consilium {
namespace {

double Entropy(double p) {
  if (p <= 0 || p >= 1) return 0;
  return -(p * std::log2(p) + (1 - p) * std::log2(1 - p));
}

}  // namespace

std::vector<float> EntropyMap(const ProbabilityMap& probability) {
  std::vector<float> entropy;
  entropy.reserve(probability.tumour.size());
  for (const float p : probability.tumour) entropy.push_back(static_cast<float>(Entropy(p)));
  return entropy;
}

double RimEntropy(const ProbabilityMap& probability) {
  const Size3 size = probability.grid.size;
  const auto tumour = [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    return probability.tumour[static_cast<std::size_t>(probability.grid.Offset(i, j, k))];
  };
  constexpr std::array<std::array<std::int64_t, 3>, 6> kNeighbours{
      {{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}}};
  const auto at_rim = [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    const bool inside = tumour(i, j, k) >= 0.5F;
    return std::any_of(kNeighbours.begin(), kNeighbours.end(), [&](const auto& step) {
      const std::int64_t x = i + step[0], y = j + step[1], z = k + step[2];
      if (x < 0 || y < 0 || z < 0 || x >= size.x || y >= size.y || z >= size.z) return false;
      return (tumour(x, y, z) >= 0.5F) != inside;
    });
  };
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < size.z; ++k)
    for (std::int64_t j = 0; j < size.y; ++j)
      for (std::int64_t i = 0; i < size.x; ++i)
        if (at_rim(i, j, k)) {
          sum += Entropy(tumour(i, j, k));
          ++count;
        }
  if (count > 0) return sum / static_cast<double>(count);
  if (probability.tumour.empty()) return 0;
  const float most = *std::max_element(probability.tumour.begin(), probability.tumour.end());
  return Entropy(most);
}

Prediction PredictCase(Predictor& predictor, const GlobalModel& model, const PredictionInput& input,
                       const PredictOptions& options, std::stop_token stop, Clock& clock) {
  const ProbabilityMap probability = predictor.Predict(input.sample, options, stop);
  ProbabilityMap on_pet = Resample(probability, input.pet.geometry);
  if (input.probability != nullptr) *input.probability = on_pet;

  Prediction prediction;
  prediction.id = input.sample.id;
  prediction.model = model.digest;
  prediction.version = model.card.version;
  prediction.made = clock.Wall();
  LesionList found = LesionsOf(std::move(on_pet), input.pet, model.card.largest_only);
  prediction.labels = std::move(found.labels);
  prediction.lesions = std::move(found.lesions);
  prediction.entropy = RimEntropy(probability);
  if (input.reference) prediction.dice = Dice(prediction.labels, *input.reference);
  return prediction;
}

}  // namespace consilium
