// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/data/label_map.h"
#include "core/data/lesion.h"
#include "core/data/volume.h"

namespace consilium {

// One line of the worklist. The patient's name is for this hospital's screen only: never logged, never sent on.
struct CaseItem {
  std::string id;  // the site's pseudonym
  std::string patient, study_date, role;
  bool has_reference = false;
  bool has_prediction = false;
  std::string model;         // digest of the newest prediction's model; empty if unknown
  std::int64_t lesions = 0;  // of the prediction; -1: not counted yet
  double volume_ml = 0;
  double entropy = 0;
  double dice = -1;
  friend bool operator==(const CaseItem&, const CaseItem&) = default;
};

// An image before its voxels are there.
struct ImageHeader {
  Modality modality = Modality::kPet;
  Geometry grid;
  std::vector<float> slope, intercept;  // grid.size.z
};

// All of a case but its voxels.
struct CaseContent {
  CaseItem item;
  std::vector<ImageHeader> images;    // at most one of each modality
  std::optional<LabelMap> reference;  // the contour a person drew
  std::optional<LesionList> prediction;
  std::string model;                // hex digest of the prediction's model; empty if unknown
  std::int64_t model_version = -1;  // the round that made it; -1: unknown
  double dice = -1;                 // prediction against reference
};

// Whole slices of one image, in storage order.
struct Slab {
  std::string id;
  Modality modality = Modality::kPet;
  std::int64_t first_slice = 0;
  VoxelBuffer<std::int16_t> voxels;
};

// Something that went wrong, for the status line: what, and what to do.
struct Trouble {
  std::string what, next_step;
  bool lasting = false;  // of a line: trying again will not help
  friend bool operator==(const Trouble&, const Trouble&) = default;
};

// Where the cursor stands when a case opens: the largest predicted lesion, else the reference, else the middle of the
// PET (of the CT without one).
Vec3 FirstCursor(const CaseContent& content);

}  // namespace consilium
