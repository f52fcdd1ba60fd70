// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/slice_stack.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

constexpr double kSamePositionMm = 1e-3;
constexpr double kUneven = 0.05;  // a slice may lie this part of the spacing away from its even place
constexpr double kSameDirection = 1e-3;

std::string Mm(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f mm", value);
  return text.data();
}

// The first thing of their form that two slices do not have in common.
std::string DifferenceOfForm(const SliceHeader& a, const SliceHeader& b) {
  if (Norm(a.row - b.row) > kSameDirection || Norm(a.column - b.column) > kSameDirection) {
    return "mixed orientation: its slices do not lie in parallel";
  }
  if (a.rows != b.rows || a.columns != b.columns) return "slices of different size";
  if (std::abs(a.row_spacing_mm - b.row_spacing_mm) > 1e-4 ||
      std::abs(a.column_spacing_mm - b.column_spacing_mm) > 1e-4) {
    return "slices of different pixel spacing";
  }
  if (a.format.bits_allocated != b.format.bits_allocated || a.format.bits_stored != b.format.bits_stored ||
      a.format.is_signed != b.format.is_signed) {
    return "slices of different pixel format";
  }
  if (a.info.frame_of_reference_uid != b.info.frame_of_reference_uid) return "slices of different frames of reference";
  return {};
}

Vec3 NormalOf(const SliceHeader& h) { return Cross(h.row, h.column); }

std::string Duplicates(const Slices& sorted) {
  std::int64_t same_place = 0;
  for (std::size_t k = 1; k < sorted.size(); ++k) same_place += SamePlace(*sorted[k - 1], *sorted[k]);
  if (same_place == 0) return {};
  return "duplicate: " + std::to_string(same_place) +
         " slices lie where another lies, with other pixels, and no tag tells which belong together";
}

// Whether the slices lie evenly on one line; fills spacing and direction of k.
Fault PlaceSlices(const Slices& sorted, Vec3 normal, Geometry& g) {
  const auto steps = static_cast<double>(sorted.size() - 1);
  const Vec3 first = sorted.front()->slice.position_mm, line = sorted.back()->slice.position_mm - first;
  double smallest = Dot(line, normal), largest = 0;
  for (std::size_t k = 1; k < sorted.size(); ++k) {
    const double step = Dot(sorted[k]->slice.position_mm - sorted[k - 1]->slice.position_mm, normal);
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
    const double off = Norm(sorted[k]->slice.position_mm - even);
    if (off > kUneven * g.spacing_mm.z) {
      return {QuarantineReason::kUnevenSlices, "uneven slices: one lies " + Mm(off) + " from its even place"};
    }
  }
  return {};
}

}  // namespace

bool SameForm(const SliceHeader& a, const SliceHeader& b) { return DifferenceOfForm(a, b).empty(); }

bool SamePlace(const SliceHeader& a, const SliceHeader& b) {
  return std::abs(Dot(b.slice.position_mm - a.slice.position_mm, NormalOf(a))) < kSamePositionMm;
}

SliceStack StackSlices(Slices slices) {
  SliceStack out;
  out.slices = std::move(slices);
  const SliceHeader& first = *out.slices.front();
  const auto refused = [&](QuarantineReason reason, std::string words) {
    out.fault = {reason, std::move(words)};
    return !out.fault.words.empty();
  };
  for (const SliceHeader* h : out.slices) out.told = std::max(out.told, h->slices_in_volume);
  for (const SliceHeader* h : out.slices) {
    if (refused(QuarantineReason::kUnevenSlices, DifferenceOfForm(first, *h))) return out;
  }
  const bool single = out.slices.size() < 2;
  if (refused(QuarantineReason::kNotAVolume, single ? "only one slice: no volume" : "")) return out;
  const Vec3 normal = NormalOf(first);
  std::stable_sort(out.slices.begin(), out.slices.end(), [&](const SliceHeader* a, const SliceHeader* b) {
    return Dot(a->slice.position_mm, normal) < Dot(b->slice.position_mm, normal);
  });
  if (refused(QuarantineReason::kDuplicateSlices, Duplicates(out.slices))) return out;
  Geometry& g = out.geometry;
  g.size = {first.columns, first.rows, std::ssize(out.slices)};
  g.spacing_mm = {first.column_spacing_mm, first.row_spacing_mm, 0};
  g.origin_mm = out.slices.front()->slice.position_mm;
  g.direction = {first.row, first.column, normal};
  if (out.fault = PlaceSlices(out.slices, normal, g); !out.is_volume()) return out;
  const bool many = g.size.count() > kMostVoxels;
  refused(QuarantineReason::kNotAVolume, many ? "more voxels than any scanner makes" : "");
  return out;
}

}  // namespace consilium
