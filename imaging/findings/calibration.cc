// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "cuda/ops/nearest_distance.h"

namespace consilium {
namespace {

double Mean(double sum, std::int64_t count) {
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

}  // namespace

std::int64_t Calibration::voxels() const {
  return std::accumulate(bins.begin(), bins.end(), std::int64_t{0},
                         [](std::int64_t sum, const Bin& bin) { return sum + bin.voxels; });
}

double Calibration::Ece() const {
  double sum = 0;
  for (const Bin& bin : bins) sum += std::abs(static_cast<double>(bin.tumour) - bin.probability);
  return Mean(sum, voxels());
}

double Calibration::Brier() const { return Mean(squared_error, voxels()); }
double Calibration::LogLoss() const { return Mean(log_loss, voxels()); }

Calibration operator+(const Calibration& a, const Calibration& b) {
  Calibration out = a;
  for (std::size_t n = 0; n < Calibration::kBins; ++n) {
    out.bins[n].voxels += b.bins[n].voxels;
    out.bins[n].tumour += b.bins[n].tumour;
    out.bins[n].probability += b.bins[n].probability;
  }
  out.squared_error += b.squared_error;
  out.log_loss += b.log_loss;
  return out;
}

Calibration Calibrate(const ProbabilityMap& probability, const LabelMap& reference, double margin_mm) {
  Require(SameGrid(probability.grid, reference.geometry, 0.01) && probability.tumour.size() == reference.voxels.size(),
          "prediction and reference lie on different grids", "Bring both to one grid first.");
  const std::size_t count = reference.voxels.size();
  std::vector<std::uint8_t> core(count);
  for (std::size_t v = 0; v < count; ++v) {
    const float p = probability.tumour[v];
    Require(p >= 0 && p <= 1, "a probability is not between 0 and 1");
    core[v] = p >= 0.5F || reference.voxels[v] != 0 ? 1 : 0;
  }
  std::vector<std::int64_t> at(count);
  std::iota(at.begin(), at.end(), std::int64_t{0});
  const std::vector<float> mm = NearestDistances(reference.geometry.size, reference.geometry.spacing_mm, core, at);
  Calibration out;
  for (std::size_t v = 0; v < count; ++v) {
    if (!(static_cast<double>(mm[v]) <= margin_mm)) continue;
    const auto p = static_cast<double>(probability.tumour[v]);
    const bool tumour = reference.voxels[v] != 0;
    const auto place = static_cast<std::size_t>(p * static_cast<double>(Calibration::kBins));
    Calibration::Bin& bin = out.bins[std::min(place, Calibration::kBins - 1)];
    ++bin.voxels;
    bin.tumour += tumour ? 1 : 0;
    bin.probability += p;
    const double of_truth = tumour ? p : 1 - p;
    out.squared_error += (1 - of_truth) * (1 - of_truth);
    out.log_loss -= std::log(std::max(of_truth, 1e-7));
  }
  return out;
}

}  // namespace consilium
