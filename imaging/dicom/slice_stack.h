// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/data/geometry.h"
#include "imaging/dicom/quarantine.h"
#include "imaging/dicom/slice_header.h"

namespace consilium {

inline constexpr std::int64_t kMostVoxels = std::int64_t{1} << 31;  // of one volume: more than any scanner makes

// Some slices of one series; the headers belong to somebody else.
using Slices = std::vector<const SliceHeader*>;

// Slices in order along their normal and the grid on which they lie, or why they are no volume.
struct SliceStack {
  Slices slices;
  Geometry geometry;  // k along the line of the positions, which may lean (gantry tilt: see gantry_tilt.h)
  Fault fault;
  std::int64_t copies = 0;  // further images that held the same pixels at the same place
  std::int64_t told = 0;    // how many slices NumberOfSlices of PET says there are; 0: it is not told

  // Slices that are missing at the ends, where they leave no gap: what is there is an even stack all the same.
  std::int64_t missing() const { return std::max<std::int64_t>(0, told - std::ssize(slices)); }

  bool is_volume() const { return fault.words.empty(); }
};

// Two slices or more of one form, evenly spaced, none at the place of another. Pure.
SliceStack StackSlices(Slices slices);

// True if two slices may lie in one stack as far as orientation, size, spacing, pixel format and frame of reference
// say.
bool SameForm(const SliceHeader& a, const SliceHeader& b);

// True if two slices of one orientation lie at the same place.
bool SamePlace(const SliceHeader& a, const SliceHeader& b);

}  // namespace consilium
