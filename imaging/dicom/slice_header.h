// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "imaging/dicom/header_values.h"
#include "imaging/dicom/pre_scan.h"
#include "imaging/dicom/quarantine.h"
#include "imaging/dicom/series.h"
#include "imaging/dicom/suv.h"

namespace consilium {

enum class FileKind { kSlice, kStructureSet, kSegmentation, kScreenshot, kOther };

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
  std::vector<std::string> acquisition;            // values of AcquisitionTags(): acquisitions.h
  std::int64_t slices_in_volume = 0;               // NumberOfSlices (0054,0081) of PET; 0 if it is not told
  double tilt_degrees = 0;                         // GantryDetectorTilt (0018,1120)
  std::uint64_t pixels_begin = 0, pixels_end = 0;  // where the pixels lie in the file, as they are encoded
  std::string harmless;  // why this image belongs to no volume though nothing is wrong with it, or empty
  Fault fault;           // the first thing that makes this slice unusable, or empty words
};

FileKind KindOf(const std::string& sop_class_uid);

// Reads a PET, CT or MR image header; what is missing or out of bounds becomes `fault`.
SliceHeader ReadSliceHeader(const FileValues& values, const std::filesystem::path& file, const PreScan& scan);

// What became of files of a series that are no volume.
struct SeriesFault {
  std::filesystem::path place;  // the file at fault, or the folder of the series
  Fault fault;
};

// The volumes out of the headers of all files of one SeriesInstanceUID: mostly one; several where it holds several
// acquisitions; none if `rejected` says why, or if all images are harmless.
struct BuiltSeries {
  std::vector<Series> volumes;
  std::optional<SeriesFault> rejected;
  std::vector<SeriesFault> left_out;  // no harm: localisers, projections, screenshots
  bool complete = false;              // as many slices as the files say: none can be missing at an end
};

// Reads no file but where two images claim one place: then their pixels are compared.
BuiltSeries BuildSeries(std::vector<SliceHeader> headers);

}  // namespace consilium
