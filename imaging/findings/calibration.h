// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "core/data/label_map.h"
#include "core/data/probability_map.h"

namespace consilium {

// How far probabilities can be believed: sums over voxels that add up over cases and hospitals.
struct Calibration {
  static constexpr std::size_t kBins = 10;  // of equal width; the last one holds 1 too
  struct Bin {
    std::int64_t voxels = 0, tumour = 0;
    double probability = 0;  // sum
    friend bool operator==(const Bin&, const Bin&) = default;
  };
  std::array<Bin, kBins> bins{};
  double squared_error = 0, log_loss = 0;  // sums

  std::int64_t voxels() const;
  // Expected calibration error (Guo et al. 2017) of the probability of tumour: the mean over all voxels of a bin's
  // |share of tumour - mean probability|. NaN without a voxel, as the two below.
  double Ece() const;
  double Brier() const;    // mean squared error
  double LogLoss() const;  // mean of -log of the probability of what is true, which is kept above 1e-7
  friend bool operator==(const Calibration&, const Calibration&) = default;
};
Calibration operator+(const Calibration& a, const Calibration& b);

// Over the voxels within `margin_mm` of the reference or of the prediction (probability >= 0.5): far from both
// everything is background, and the numbers would only say how large the image is. Throws Error(kInvalidArgument)
// unless both lie on one grid and every probability is in 0..1.
Calibration Calibrate(const ProbabilityMap& probability, const LabelMap& reference, double margin_mm = 20);

}  // namespace consilium
