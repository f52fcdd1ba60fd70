// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/series.h"
#include "imaging/dicom/series_reader.h"

namespace consilium {

// PET and CT of one patient in one frame of reference, with what was drawn for them if there is something.
struct PatientCase {
  Series pet;
  Series ct;
  std::optional<std::filesystem::path> contour = {};       // of the first label: RTSTRUCT or SEG, see BestDrawn
  std::vector<std::filesystem::path> other_contours = {};  // further files, from which other labels are taken
  std::string no_contour = {};                             // why there is none of the first label, in words
  PatientText names_there = {};                            // what is drawn instead: see NoneDrawn
};

struct CaseScan {
  std::vector<PatientCase> cases;        // by path of the PET's first file
  std::vector<RejectedSeries> rejected;  // series that cannot be used, PET without CT, unreadable files
  std::vector<RejectedSeries> left_out;  // no harm, as in SeriesScan
  std::vector<StudySeen> studies;        // each has a case, or something in `rejected` that says why not
};

struct FindOptions {
  std::vector<LabelQuery> labels = {LabelQuery()};  // what is looked for; the first is the tumour
  ScanOptions scan;
};

// Every patient case below `folder`, whatever the layout: a PET is paired with the CT of the same patient and frame of
// reference that reaches along half of its slices (the CT that covers most of it if there are several). Each label
// is taken from the RTSTRUCT or SEG that fits best (BestDrawn), an RTSTRUCT before a SEG, then the first by path. One
// bad study never stops the others. Throws as ScanFolder.
CaseScan FindCases(const std::filesystem::path& folder, const FindOptions& options = {});

}  // namespace consilium
