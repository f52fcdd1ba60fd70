// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/patient_text.h"
#include "core/data/volume.h"
#include "imaging/dicom/pixel_place.h"

namespace consilium {

// Who and what a series is. Never leaves imaging and site-node.
struct SeriesInfo {
  PatientText patient_id;
  PatientText patient_name;
  PatientText study_uid;
  PatientText series_uid;
  PatientText frame_of_reference_uid;  // empty if the files have none
  PatientText study_date;              // YYYYMMDD, as in the file
  PatientText series_description;
  std::string scanner = {};  // "Manufacturer Model" in plain characters (PlainName); says nothing of the patient
};

// Where the pixels of one slice lie and what they mean.
struct Slice {
  std::filesystem::path file;
  PatientText sop_instance_uid;
  Vec3 position_mm;  // centre of the first voxel, LPS (ImagePositionPatient)
  double slope = 1;  // physical value = slope * stored + intercept; SUV (body weight) for PET, HU for CT
  double intercept = 0;
  PixelPlace pixels;  // in the file
};

// How the stored pixels of all slices are written (DICOM PS3.3 C.7.6.3). MONOCHROME1 and MONOCHROME2 hold the same
// physical values: which end is shown white is for a viewer.
struct PixelFormat {
  int bits_allocated = 16;  // 8 or 16
  int bits_stored = 16;
  bool is_signed = false;
};

// Size of the slices in the files, where they are not those of the grid.
struct StoredSize {
  std::int64_t columns = 0, rows = 0;
};

// One PET, CT or MR series that is a volume: same orientation and size in all slices, even spacing, no gap. Of several
// acquisitions in one SeriesInstanceUID each is a Series of its own.
// Holds headers only; ToVolume() reads the pixels.
struct Series {
  SeriesInfo info;
  Modality modality = Modality::kCt;
  Geometry geometry;          // k runs along the slice normal (row x column), so it is always right-handed
  std::vector<Slice> slices;  // geometry.size.z, ordered by k
  PixelFormat format;
  std::vector<std::string> notes;  // what was done to make it a volume, in words without patient data
  // A tilted gantry: `geometry` is an orthogonal grid, onto which ToVolume() moves each slice within its plane
  // (gantry_tilt.h). Slice k of the grid and slices[k] lie in one plane.
  std::optional<StoredSize> tilted;
  bool is_part = false;  // one of several volumes of its SeriesInstanceUID
};

}  // namespace consilium
