// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/data/patient_text.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/object_source.h"
#include "imaging/dicom/series.h"

namespace consilium {

// A region of an RTSTRUCT or a segment of a SEG, without its voxels. Its name is what somebody typed.
struct DrawnRegion {
  PatientText name;
  CodedConcept code = {};  // of a segment
  bool empty = false;      // nothing was drawn in it
};

// An RTSTRUCT or SEG in which a person outlined something.
struct DrawnFile {
  std::filesystem::path file;
  ObjectSource source;
  std::vector<DrawnRegion> regions;
};

// Throws as ReadRtStruct.
DrawnFile ReadDrawnRtStruct(const std::filesystem::path& file);

// The segments that no program drew alone: no model learns from a model. Nothing if there is none. Throws as
// ReadSegInfo.
std::optional<DrawnFile> ReadDrawnSeg(const std::filesystem::path& file);

// The file from which the label of a PET is best taken. It has a region of that code or name, and something drawn in it
// rather than nothing; it refers to the PET series rather than that it only shares the frame of reference; the region's
// name says PET; then the first. Null if none fits.
const DrawnFile* BestDrawn(std::span<const DrawnFile* const> files, const Series& pet, const LabelQuery& label);

// Why none of them fits, in words without a name that somebody typed; those are told beside it, at most ten.
struct NoneDrawn {
  std::string words;
  PatientText names;  // "Liver, GTV_old": of the regions on this PET; for this hospital's own eyes only
};
NoneDrawn WhyNoneDrawn(std::span<const DrawnFile* const> files, const Series& pet, const LabelQuery& label);

}  // namespace consilium
