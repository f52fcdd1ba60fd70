// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/slice_stack.h"

namespace consilium {

// The tags by which the acquisitions of one SeriesInstanceUID can differ, in the order in which they are tried:
// acquisition, kind of image, kernel, energy, echo, diffusion, time point, and times of day last.
std::span<const TagNumber> AcquisitionTags();

// True if two images hold the same pixel bytes. May read their files.
using SamePixels = std::function<bool(const SliceHeader&, const SliceHeader&)>;
bool SamePixelBytes(const SliceHeader& a, const SliceHeader& b);

// True if two images are one: same place, same values.
bool IsCopy(const SliceHeader& a, const SliceHeader& b, const SamePixels& same_pixels);

// The volumes that one series holds.
struct Acquisitions {
  std::vector<SliceStack> stacks;  // volumes, or one stack with the fault
  std::string told_apart_by;       // "ConvolutionKernel (0018,1210)", where there are several
  Slices strays;                   // single images across the others: localisers
};

// Most series are one volume and nothing is asked. Where slices lie at one place, copies (equal pixels) are taken once;
// if pixels differ, the first tag (or two, one within the other) is taken by which every group becomes a complete
// volume. A time that differs from slice to slice can thus never split a good volume. A gap or uneven spacing is split
// only by tags that are no times, into at most four regions, and never in PET, whose beds are acquisitions: there
// slices are missing.
Acquisitions FindAcquisitions(const Slices& slices, const SamePixels& same_pixels);

}  // namespace consilium
