// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace consilium {

// A mean with its interval, never without how many values it comes from.
struct MeanInterval {
  double mean = 0, low = 0, high = 0;
  std::int64_t n = 0;
  friend bool operator==(const MeanInterval&, const MeanInterval&) = default;
};

struct BootstrapOptions {
  double level = 0.95;  // of the interval, between 0 and 1
  std::int64_t resamples = 10000;
  std::uint64_t seed = 1;  // the same seed gives the same interval on every machine
};

// Percentile bootstrap of the mean (Efron and Tibshirani 1993, chapter 13): resamples with replacement, sorts their
// means, and reads both ends off by linear interpolation. Throws Error(kInvalidArgument) without values, for a value
// that is not finite (give a missed case its worst number, do not leave it out), and for options out of bounds.
MeanInterval BootstrapMean(std::span<const double> values, const BootstrapOptions& options = {});

// The mean of a[i] - b[i]: two models on the same cases, drawn together. Throws as BootstrapMean(), and unless both
// have the same length.
MeanInterval PairedBootstrap(std::span<const double> a, std::span<const double> b,
                             const BootstrapOptions& options = {});

}  // namespace consilium
