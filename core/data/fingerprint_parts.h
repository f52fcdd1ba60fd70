// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/data/fingerprint.h"

namespace consilium {

// The tables of a fingerprint by name, for the .cc files that add, tell and read it.
struct GeometryPart {
  std::string_view name;
  std::span<const double> edges;
  std::array<Histogram, 3> Fingerprint::*axes;
};
std::span<const GeometryPart> GeometryParts();

struct IntensityPart {
  std::string_view name;
  std::span<const double> edges;
  double step = 1;              // of the sums: SUV or HU
  std::int64_t most_steps = 0;  // values beyond are counted as this
  Fingerprint::Intensities Fingerprint::*of;
};
std::span<const IntensityPart> IntensityParts();  // PET, CT

// So that sums of squares stay below 2^63: 10^6 cases, kValuesOfCase values, 50000 steps.
inline constexpr std::int64_t kMostFingerprintCases = 1'000'000;

}  // namespace consilium
