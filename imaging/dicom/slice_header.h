// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "imaging/dicom/pre_scan.h"
#include "imaging/dicom/quarantine.h"
#include "imaging/dicom/series.h"
#include "imaging/dicom/suv.h"

class DcmItem;

namespace consilium {

enum class FileKind { kSlice, kStructureSet, kSegmentation, kOther };

// What the header of one image file says, before anything is known about the others of its series.
struct SliceHeader {
  Slice slice;  // slope and intercept as in the file (PET: before SUV)
  SeriesInfo info;
  Modality modality = Modality::kCt;
  PixelFormat format;
  int rows = 0, columns = 0;
  double row_spacing_mm = 0, column_spacing_mm = 0;  // between rows, between columns
  Vec3 row, column;                                  // direction of growing column index, of growing row index
  PetFacts pet;
  Fault fault;  // the first thing that makes this slice unusable, or empty words
};

FileKind KindOf(DcmItem& dataset);

// Reads a PET, CT or MR image header; what is missing or out of bounds becomes `fault`.
SliceHeader ReadSliceHeader(DcmItem& dataset, const std::filesystem::path& file, const PreScan& scan);

// A series out of the headers of all its files, or why it is no volume. Pure.
struct BuiltSeries {
  Series series;
  Fault fault;
  std::filesystem::path place;  // with a fault: the file at fault, or the folder of the series
};
BuiltSeries BuildSeries(std::vector<SliceHeader> headers);

}  // namespace consilium
