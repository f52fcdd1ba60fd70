// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "imaging/dicom/quarantine.h"
#include "tests/support/dicom_files.h"

// Studies with the defects that real archives have, each with what must come of it. They are written by DCMTK and tell
// what they hold by formulas, so that no reader of ours judges itself.
namespace consilium {

// A series as it was written, and what its numbers mean.
struct WrittenSeries {
  SeriesFiles files;
  double factor = 1;  // SUV for each unit of files.Value()

  // The physical value that a volume of it must have at a point (LPS, mm), and how exactly; nothing where the series
  // has no voxel (between the voxels a series with `rise` is linear along its columns, others are not asked there).
  struct Value {
    double value, tolerance;
  };
  std::optional<Value> At(Vec3 point) const;
};

// How many voxels of a volume are not as written, and how many that were written it lacks.
std::int64_t DifferentVoxels(const Volume& volume, const WrittenSeries& written);

struct AwkwardStudy {
  std::string name;   // "gantry-tilt"
  std::string story;  // one sentence
  std::string patient, uid;
  std::filesystem::path place;  // the folder that holds it; others may lie there too

  // A study that is used: what the PETs hold, each of which is a case, and what its CT holds, one of these.
  std::vector<WrittenSeries> pet, ct;
  bool labelled = false;       // it has a contour of SmallStudy::kContourVoxels voxels, or a SEG of as many
  std::string no_label_words;  // if not: a piece of the reason
  std::vector<std::string> notes, left_out;  // pieces of Series::notes of PET or CT, of the words of what was left out

  // One that is not: why, and a piece of the words.
  std::optional<QuarantineReason> reason;
  std::string words;

  bool used() const { return !reason; }
};

// Writes them all below one folder: some in folders of their own, some nested, some beside each other, in names of any
// order, with other files between them. Some 900 files in about a second.
std::vector<AwkwardStudy> WriteAwkwardStudies(const std::filesystem::path& folder);

}  // namespace consilium
