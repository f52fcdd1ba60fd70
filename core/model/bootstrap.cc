// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/random.h"

namespace consilium {
namespace {

constexpr std::int64_t kMostResamples = 10'000'000;

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double Quantile(std::span<const double> sorted, double part) {
  const double rank = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

}  // namespace

MeanInterval BootstrapMean(std::span<const double> values, const BootstrapOptions& options) {
  Require(!values.empty(), "an interval needs at least one value");
  Require(std::ranges::all_of(values, [](double v) { return std::isfinite(v); }),
          "an interval needs numbers, and one is not finite", "Give a case without a number its worst one.");
  Require(options.level > 0 && options.level < 1, "the level of an interval lies between 0 and 1");
  Require(options.resamples >= 1 && options.resamples <= kMostResamples,
          "an interval takes 1 to " + std::to_string(kMostResamples) + " resamples");
  Random random(options.seed);
  const auto last = std::ssize(values) - 1;
  std::vector<double> means(static_cast<std::size_t>(options.resamples)), drawn(values.size());
  for (double& mean : means) {
    for (double& one : drawn) one = values[static_cast<std::size_t>(random.Integer(0, last))];
    mean = Mean(drawn);
  }
  std::ranges::sort(means);
  const double outside = (1 - options.level) / 2;
  return {Mean(values), Quantile(means, outside), Quantile(means, 1 - outside), std::ssize(values)};
}

MeanInterval PairedBootstrap(std::span<const double> a, std::span<const double> b, const BootstrapOptions& options) {
  Require(a.size() == b.size(), "two models can be compared only on the same cases: " + std::to_string(a.size()) +
                                    " and " + std::to_string(b.size()) + " numbers were given");
  std::vector<double> differences(a.size());
  std::ranges::transform(a, b, differences.begin(), std::minus<>());
  return BootstrapMean(differences, options);
}

}  // namespace consilium
