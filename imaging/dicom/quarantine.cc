// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/quarantine.h"

#include "core/base/error.h"

namespace consilium {

std::string_view Name(QuarantineReason reason) {
  switch (reason) {
    case QuarantineReason::kNotReadable: return "not-readable";
    case QuarantineReason::kMissingTag: return "missing-tag";
    case QuarantineReason::kNotAVolume: return "not-a-volume";
    case QuarantineReason::kMissingSlices: return "missing-slices";
    case QuarantineReason::kDuplicateSlices: return "duplicate-slices";
    case QuarantineReason::kUnevenSlices: return "uneven-slices";
    case QuarantineReason::kNoSuv: return "no-suv";
    case QuarantineReason::kNoPair: return "no-pair";
    case QuarantineReason::kLabel: return "label";
    case QuarantineReason::kNoImages: return "no-images";
  }
  Ensure(false, "unknown reason of a quarantine");
  return {};
}

}  // namespace consilium
