// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>

#include "imaging/dicom/slice_header.h"

namespace consilium {
namespace {

constexpr double kSamePositionMm = 1e-3;
constexpr double kUneven = 0.05;  // a slice may lie this part of the spacing away from its even place
constexpr double kSameDirection = 1e-3;
constexpr std::int64_t kMostVoxels = std::int64_t{1} << 31;

std::string Mm(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f mm", value);
  return text.data();
}

// The first thing that the slices do not have in common.
std::string Differences(const std::vector<SliceHeader>& headers) {
  const SliceHeader& first = headers.front();
  for (const SliceHeader& h : headers) {
    if (h.modality != first.modality) return "mixed modalities in one series";
    if (Norm(h.row - first.row) > kSameDirection || Norm(h.column - first.column) > kSameDirection) {
      return "mixed orientation: its slices do not lie in parallel";
    }
    if (h.rows != first.rows || h.columns != first.columns) return "slices of different size";
    if (std::abs(h.row_spacing_mm - first.row_spacing_mm) > 1e-4 ||
        std::abs(h.column_spacing_mm - first.column_spacing_mm) > 1e-4) {
      return "slices of different pixel spacing";
    }
    if (h.format.bits_allocated != first.format.bits_allocated || h.format.bits_stored != first.format.bits_stored ||
        h.format.is_signed != first.format.is_signed) {
      return "slices of different pixel format";
    }
    if (h.info.patient_id != first.info.patient_id) return "slices of different patients in one series";
    if (h.info.frame_of_reference_uid != first.info.frame_of_reference_uid) {
      return "slices of different frames of reference";
    }
    if (h.pet.units != first.pet.units) return "slices of different units (0054,1001)";
  }
  return {};
}

// The first slice with a fault, and how many there are.
Fault FaultsOfSlices(const std::vector<SliceHeader>& headers, std::filesystem::path& place) {
  std::size_t count = 0;
  const SliceHeader* first = nullptr;
  for (const SliceHeader& h : headers) {
    if (h.fault.words.empty()) continue;
    if (first == nullptr) first = &h;
    ++count;
  }
  if (first == nullptr) return {};
  if (count == 1) place = first->slice.file;
  Fault fault = first->fault;
  if (headers.size() > 1) {
    fault.words = std::to_string(count) + " of " + std::to_string(headers.size()) + " slices: " + fault.words;
  }
  return fault;
}

std::string Duplicates(const std::vector<SliceHeader>& sorted, Vec3 normal) {
  std::set<PatientText> uids;
  std::size_t same_uid = 0, same_place = 0;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    if (!uids.insert(sorted[k].slice.sop_instance_uid).second) ++same_uid;
    if (k > 0 && Dot(sorted[k].slice.position_mm - sorted[k - 1].slice.position_mm, normal) < kSamePositionMm) {
      ++same_place;
    }
  }
  if (same_uid > 0) return "duplicate: " + std::to_string(same_uid) + " images are there twice";
  if (same_place > 0) {
    return "duplicate: " + std::to_string(same_place) +
           " slices lie where another lies (a dynamic or gated series, or two reconstructions)";
  }
  return {};
}

// Whether the slices lie evenly on one line; fills spacing and direction of k.
Fault PlaceSlices(const std::vector<SliceHeader>& sorted, Vec3 normal, Geometry& g) {
  const auto steps = static_cast<double>(sorted.size() - 1);
  const Vec3 first = sorted.front().slice.position_mm, line = sorted.back().slice.position_mm - first;
  double smallest = Dot(line, normal), largest = 0;
  for (std::size_t k = 1; k < sorted.size(); ++k) {
    const double step = Dot(sorted[k].slice.position_mm - sorted[k - 1].slice.position_mm, normal);
    smallest = std::min(smallest, step);
    largest = std::max(largest, step);
  }
  if (largest > smallest * 1.5) {
    return {QuarantineReason::kMissingSlices,
            "missing slices: largest gap " + Mm(largest) + ", spacing " + Mm(smallest)};
  }
  g.spacing_mm.z = Norm(line) / steps;
  g.direction[2] = (1 / Norm(line)) * line;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    const Vec3 even = first + (static_cast<double>(k) / steps) * line;
    const double off = Norm(sorted[k].slice.position_mm - even);
    if (off > kUneven * g.spacing_mm.z) {
      return {QuarantineReason::kUnevenSlices, "uneven slices: one lies " + Mm(off) + " from its even place"};
    }
  }
  return {};
}

// PET numbers become SUV: the times of the slice acquired first hold for the whole series, Philips' factors for a
// slice.
std::string ScaleToSuv(std::vector<SliceHeader>& headers) {
  const auto started = [](const SliceHeader& h) {
    return SecondsOf(h.pet.acquisition_date, h.pet.acquisition_time).value_or(1e18);
  };
  const auto first = std::min_element(headers.begin(), headers.end(), [&](const SliceHeader& a, const SliceHeader& b) {
    return started(a) < started(b);
  });
  PetFacts facts = first->pet;
  for (SliceHeader& h : headers) {
    facts.philips_suv_factor = h.pet.philips_suv_factor;
    facts.philips_bq_factor = h.pet.philips_bq_factor;
    const SuvFactor suv = SuvBodyWeightFactor(facts);
    if (!suv.fault.empty()) return suv.fault;
    h.slice.slope *= suv.factor;
    h.slice.intercept *= suv.factor;
  }
  return {};
}

}  // namespace

BuiltSeries BuildSeries(std::vector<SliceHeader> headers) {
  BuiltSeries out;
  const SliceHeader first = headers.front();
  out.place = first.slice.file.parent_path();
  const auto refused = [&](QuarantineReason reason, std::string words) {
    out.fault = {reason, std::move(words)};
    return !out.fault.words.empty();
  };
  if (out.fault = FaultsOfSlices(headers, out.place); !out.fault.words.empty()) return out;
  if (refused(QuarantineReason::kUnevenSlices, Differences(headers))) return out;
  if (headers.size() < 2) {
    out.fault = {QuarantineReason::kNotAVolume, "only one slice: no volume"};
    return out;
  }
  const Vec3 normal = Cross(first.row, first.column);
  std::sort(headers.begin(), headers.end(), [&](const SliceHeader& a, const SliceHeader& b) {
    return Dot(a.slice.position_mm, normal) < Dot(b.slice.position_mm, normal);
  });
  if (refused(QuarantineReason::kDuplicateSlices, Duplicates(headers, normal))) return out;
  Geometry& g = out.series.geometry;
  g.size = {first.columns, first.rows, static_cast<std::int64_t>(headers.size())};
  g.spacing_mm = {first.column_spacing_mm, first.row_spacing_mm, 0};
  g.origin_mm = headers.front().slice.position_mm;
  g.direction = {first.row, first.column, normal};
  if (out.fault = PlaceSlices(headers, normal, g); !out.fault.words.empty()) return out;
  if (g.size.count() > kMostVoxels) {
    out.fault = {QuarantineReason::kNotAVolume, "more voxels than any scanner makes"};
    return out;
  }
  if (first.modality == Modality::kPet && refused(QuarantineReason::kNoSuv, ScaleToSuv(headers))) return out;
  out.series.info = first.info;
  out.series.modality = first.modality;
  out.series.format = first.format;
  for (SliceHeader& h : headers) out.series.slices.push_back(std::move(h.slice));
  return out;
}

}  // namespace consilium
