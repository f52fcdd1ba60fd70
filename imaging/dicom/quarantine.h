// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace consilium {

// The kinds of reasons why something cannot be used. Their names are stable and say nothing of a patient: they are what
// logs, counts and the hub may see. The words beside them are for this hospital's own eyes.
enum class QuarantineReason {
  kNotReadable,      // damaged, cut off, beyond the limits, an encoding that nobody here decodes
  kMissingTag,       // a tag is missing, or its value is out of bounds
  kNotAVolume,       // colour, one slice, several frames in one file
  kMissingSlices,    // a gap
  kDuplicateSlices,  // slices at one place that differ, and nothing tells which acquisition they belong to
  kUnevenSlices,     // slices that do not lie evenly, or differ in orientation, size, format or frame of reference
  kNoSuv,            // PET of which SUV cannot be computed: units, weight, dose, times, corrections
  kNoPair,           // PET without CT, CT without PET, MR alone
  kLabel,            // a contour, SEG or label file that cannot be used
  kNoImages,         // a study that holds no image series
};
inline constexpr std::array kAllQuarantineReasons = {
    QuarantineReason::kNotReadable,   QuarantineReason::kMissingTag,      QuarantineReason::kNotAVolume,
    QuarantineReason::kMissingSlices, QuarantineReason::kDuplicateSlices, QuarantineReason::kUnevenSlices,
    QuarantineReason::kNoSuv,         QuarantineReason::kNoPair,          QuarantineReason::kLabel,
    QuarantineReason::kNoImages};

std::string_view Name(QuarantineReason reason);  // "not-readable", "missing-tag", ..., as in docs/formats.md

// Why something cannot be used, in words for an administrator of the hospital. The words hold no value of a tag, but
// may name a file. Empty words: nothing is wrong.
struct Fault {
  QuarantineReason reason = QuarantineReason::kNotReadable;
  std::string words;
};

}  // namespace consilium
