// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/histogram.h"

namespace consilium {

// What one outlined case tells a planner. It stays in the hospital.
struct CaseMeasure {
  Vec3 spacing_mm;             // of the PET, whose grid is trained on
  Size3 size;                  // of the PET, voxels
  std::int64_t voxels = 0;     // of the grid measured on
  std::vector<float> pet_suv;  // in the tumour, in any order; empty without a tumour
  std::vector<float> ct_hu;    // at the same voxels
};

// What federated planning needs of the labelled training cases of one hospital, or several together: nnU-Net's data set
// fingerprint as counts over fixed bins and sums of whole numbers. So the fingerprint of several hospitals is the sum
// of theirs, exactly and in any order, as long as no patient is in two. No case and no value of a case is in it.
struct Fingerprint {
  // Of the values in tumours: kValuesOfCase evenly spaced ones (by rank) of each case, so that a case counts the same
  // however large its tumour is, as in nnU-Net.
  struct Intensities {
    Histogram values;
    std::int64_t sum = 0, squares = 0;  // of the values in whole steps: 0.01 SUV, 1 HU
    friend bool operator==(const Intensities&, const Intensities&) = default;
  };
  std::int64_t patients = 0, cases = 0;
  std::int64_t voxels = 0, tumour_voxels = 0;  // classes: all, and those of them in tumours
  std::array<Histogram, 3> spacing;            // mm; axes x, y, z (slices) of the PET; cases
  std::array<Histogram, 3> size;               // voxels; cases
  std::array<Histogram, 3> extent;             // mm: size times spacing; cases
  Intensities pet, ct;

  Fingerprint();
  void AddPatient(std::span<const CaseMeasure> cases);  // all of one patient's, once
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

inline constexpr std::int64_t kValuesOfCase = 1000;
inline constexpr double kPetStepSuv = 0.01, kCtStepHu = 1;

// Public and fixed; other edges need another `format`. Bins of spacing, size, extent and SUV grow by 4 % each, so that
// a value is known to 2 %; bins of HU are 8 wide.
std::span<const double> FingerprintSpacingEdgesMm();
std::span<const double> FingerprintSizeEdges();
std::span<const double> FingerprintExtentEdgesMm();
std::span<const double> FingerprintSuvEdges();
std::span<const double> FingerprintHuEdges();

// Associative and commutative; Fingerprint() changes nothing. Throws Error(kInvalidArgument) above a million cases.
Fingerprint Merge(const Fingerprint& a, const Fingerprint& b);

// What may leave a hospital: no bin stands for 1 to k - 1 patients. Their things move to the nearest bin of k or more,
// so counts of cases stay right; where there is none, everything lies in the bin of the median. Sums are of at least k
// patients, or intensities are left out. Throws Error(kFailedPrecondition) with fewer than k patients. k >= 1.
Fingerprint Shareable(const Fingerprint& fingerprint, std::int64_t k);

// JSON, format 1, whole numbers only, fields in a fixed order: equal fingerprints are equal texts. Reading throws
// Error(kInvalidArgument) naming `what` for anything that is no fingerprint: other bins, counts that do not agree, sums
// that no values can have.
std::string ToJson(const Fingerprint& fingerprint);
Fingerprint FingerprintFromJson(std::string_view json, const std::string& what);

// The centres of the bins with cases in them, ascending, with how many; geometric centres, since the bins grow.
struct CentredCases {
  double centre = 0;
  std::int64_t count = 0;
};
std::vector<CentredCases> CentresOf(const Histogram& cases, std::span<const double> edges);

// numpy.percentile of cases that lie at these centres. NaN when there are none. 0 <= percent <= 100.
double Percentile(std::vector<CentredCases> of, double percent);
double CasePercentile(const Histogram& cases, std::span<const double> edges, double percent);
// Of values: spread evenly within their bin.
double ValuePercentile(const Histogram& values, std::span<const double> edges, double percent);
double Mean(const Fingerprint::Intensities& of, double step);
double StandardDeviation(const Fingerprint::Intensities& of, double step);

}  // namespace consilium
