// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "imaging/dicom/header_values.h"
#include "imaging/dicom/open_file.h"
#include "imaging/dicom/pixel_place.h"

namespace consilium {

// Limits for one file, far above what scanners write.
struct PreScanLimits {
  int depth = 64;                                         // nested sequences
  std::uint64_t file_bytes = std::uint64_t{2} << 30;      // one object
  std::uint64_t inflated_bytes = std::uint64_t{1} << 30;  // a deflated data set, inflated
  std::uint64_t value_bytes = std::uint64_t{256} << 20;   // one value outside the pixels
  std::uint64_t header_bytes = std::uint64_t{512} << 20;  // everything but the pixels
  std::int64_t elements = 8'000'000;
};

// What a first look at a file's bytes tells.
struct PreScan {
  bool is_dicom = false;  // starts as DICOM Part 10 does: preamble and "DICM"
  std::string fault;      // empty if the file may be parsed; else why not, in words without patient data
  std::string transfer_syntax;
  std::uint64_t header_bytes = 0;   // up to the pixel data element, or the whole file; inflated: of the data set
  std::uint64_t checked_bytes = 0;  // up to the end of the pixel data, or the whole file: nothing after it is looked at
  bool has_pixels = false;          // pixel data at the top level
  PixelPlace pixels;                // its syntax, stamp and `dataset` are known without pixels, too
};

// Walks the element headers of a DICOM file (PS3.5 section 7) before DCMTK parses it, because DCMTK 3.6.7 recurses
// without a limit and crashes on deeply nested sequences. Checks that every length lies within its sequence and the
// file, the nesting depth, the limits above and the transfer syntax. Values are skipped but those that `values` wants
// (with a fault: as far as the walk came); needs no memory beyond these and one buffer, whatever the file says. A
// deflated data set is walked over as it inflates, within a limit. Never throws for a bad file: that is a verdict.
// Throws Error(kNotFound) if the file cannot be opened.
PreScan PreScanFile(const OpenFile& file, const PreScanLimits& limits = {}, FileValues* values = nullptr);
PreScan PreScanFile(const std::filesystem::path& file, const PreScanLimits& limits = {});

}  // namespace consilium
