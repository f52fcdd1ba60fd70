// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/evaluate.h"

#include <cstddef>

#include "core/base/error.h"

namespace consilium {

double DiceOf(const ProbabilityMap& prediction, const Sample& sample, double threshold) {
  Require(prediction.tumour.size() == sample.label.size() && prediction.grid == sample.grid,
          "evaluation: the prediction has " + std::to_string(prediction.tumour.size()) + " voxels, the label " +
              std::to_string(sample.label.size()),
          "Evaluate only on patients with a contour, on their own grid.");
  std::int64_t both = 0, either = 0;
  for (std::size_t i = 0; i < sample.label.size(); ++i) {
    const bool predicted = static_cast<double>(prediction.tumour[i]) >= threshold, drawn = sample.label[i] != 0;
    both += predicted && drawn ? 1 : 0;
    either += (predicted ? 1 : 0) + (drawn ? 1 : 0);
  }
  return either == 0 ? 1.0 : 2.0 * static_cast<double>(both) / static_cast<double>(either);
}

DiceSummary Evaluate(Predictor& predictor, std::span<const Sample> samples, const PredictOptions& options,
                     std::stop_token stop) {
  DiceSummary summary;
  for (const Sample& sample : samples) {
    Add(summary, DiceOf(predictor.Predict(sample, options, stop), sample));
  }
  return summary;
}

}  // namespace consilium
