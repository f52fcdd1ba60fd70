// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/data/coded_concept.h"
#include "core/data/label_map.h"
#include "imaging/dicom/series.h"

namespace consilium {

// The three kinds of files in which hospitals keep what a person outlined.
enum class LabelKind { kRtStruct, kSeg, kNifti };
std::string_view Name(LabelKind kind);  // "RTSTRUCT", "SEG", "NIfTI"

// What is looked for in a label file.
struct LabelQuery {
  CodedConcept code = kNeoplasm;                 // of the segment in a SEG
  std::string patterns = "GTV*,Tumour*,Tumor*";  // names of the region or segment: MatchesPattern
  std::optional<int> nifti_value = {};           // 1 to 255; without it a NIfTI may hold 0 and 1 only
  bool accept_automatic = false;                 // take segments that a program drew alone

  friend bool operator==(const LabelQuery&, const LabelQuery&) = default;
};

// By the file's name (.nii, .nii.gz) or its SOP class. Throws Error(kInvalidArgument) naming the file if it is none.
LabelKind KindOfLabel(const std::filesystem::path& file);

// The label on the grid of a series (of the PET): 1 inside, 0 elsewhere.
//   RTSTRUCT  the regions whose name fits, filled as rtstruct_reader.h says.
//   SEG       the segments that carry the code; if none does, those whose label fits the patterns. A segment that a
//             program drew alone is refused, so that no model learns from a model unless somebody asks for it.
//   NIfTI     the file's voxels must be the series' voxels: axes may be swapped or reversed (that is undone exactly),
//             nothing is resampled. It names no patient, so whoever gives the file says whose it is.
// RTSTRUCT and SEG must fit the series' patient and frame of reference (RequireFit).
// Throws Error: kNotFound (no such region or segment; the words list those there are), kFailedPrecondition (drawn by a
// program), kInvalidArgument (another patient, frame or grid; values that are no label), kDataLoss (damaged).
LabelMap ReadLabel(const std::filesystem::path& file, const Series& series, const LabelQuery& query);

}  // namespace consilium
