// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/volume.h"
#include "imaging/dicom/rtstruct_reader.h"

// Small synthetic DICOM files for tests, written by DCMTK and its encoders, not by code of ours.
namespace consilium {

enum class Encoding { kExplicit, kImplicit, kRle, kJpegLossless, kJpegLs };

// Sets one tag to a text, or takes it away, in one slice or in all (-1). Tags as 0xGGGGEEEE. A path of tags goes into
// the first items of sequences.
struct TagEdit {
  std::vector<std::uint32_t> path;
  std::optional<std::string> value;
  int slice = -1;
};

// A series to write. Slice k of `geometry` becomes one file, in order of k unless `shuffled`.
struct SeriesFiles {
  Modality modality = Modality::kPet;
  Encoding encoding = Encoding::kExplicit;
  Geometry geometry{{9, 7, 5}, {2, 3, 4}, {-10, 20, -30}, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}};
  std::string patient = "P1", study = "1.2.3.1", series = "1.2.3.1.1", frame = "1.2.3.9";
  int bits_allocated = 16, bits_stored = 16;
  bool is_signed = true;
  std::string photometric = "MONOCHROME2";
  int phase = 0;          // moves the formula: other numbers in the same places
  int rise = 0;           // not 0: stored numbers rise by this from row to row, and only so (for interpolation)
  bool shuffled = false;  // file names in another order than the slices
  std::string prefix, extension = ".dcm";  // of file names
  std::string sop_root;                    // of the slices' SOP Instance UIDs; empty: series + ".7"
  int only = -1;                           // only this slice gets a file
  int dropped = -1;                        // this slice gets no file
  int twice = -1;                          // this slice gets two files, with two SOP Instance UIDs
  bool junk_above = false;                 // set bits above bits_stored, as old scanners do for overlays
  std::vector<TagEdit> edits;              // last, after everything else

  double Slope(std::int64_t k) const { return 0.5 + 0.25 * static_cast<double>(k); }
  double Intercept(std::int64_t k) const { return modality == Modality::kPet ? 0.0 : -1024.0 + static_cast<double>(k); }
  // What is stored in a voxel: a formula that fills the whole range of the bits.
  std::int32_t Stored(std::int64_t i, std::int64_t j, std::int64_t k) const;
  // Its physical value (PET is written in GML, so it is SUV).
  double Value(std::int64_t i, std::int64_t j, std::int64_t k) const {
    return Slope(k) * Stored(i, j, k) + Intercept(k);
  }
};

// Makes the folder and the files in it; returns them in order of k.
std::vector<std::filesystem::path> WriteSeries(const std::filesystem::path& folder, const SeriesFiles& series);

// Writes the regions as an RTSTRUCT of a study; `structures.file` is where.
void WriteRtStruct(const RtStruct& structures, const std::string& study = "1.2.3.1");

// Reads a DICOM file with DCMTK, edits it (`slice` is not looked at) and writes it back in Explicit VR.
void EditDicomFile(const std::filesystem::path& file, const std::vector<TagEdit>& edits);

// Bytes of a file, and back.
std::string ReadFileBytes(const std::filesystem::path& file);
void WriteFileBytes(const std::filesystem::path& file, const std::string& bytes);

}  // namespace consilium
