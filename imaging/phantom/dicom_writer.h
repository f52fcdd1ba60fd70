// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/volume.h"

namespace consilium {

// Who and what the DICOM files of one synthetic patient say they are. All UIDs follow from `uid_seed`.
struct PhantomIdentity {
  std::string patient_id;  // e.g. "north-001"; also the patient's name
  std::string uid_seed;    // equal text, equal UIDs
};

// One region of interest: closed polygons, each in one slice plane, in millimetres (LPS). None: nothing was found.
struct PhantomRoi {
  std::string name;
  std::vector<std::vector<Vec3>> polygons;
};

// "2.25." and 128 bits of the SHA-256 of the text as a decimal number (PS3.5 B.2; UUID version 8).
std::string DerivedUid(std::string_view text);

// Writes one file a slice, DIR/0001.dcm and on: PET Image Storage (Units GML) or CT Image Storage, Explicit VR Little
// Endian. Makes the folder. Throws Error(kUnavailable) naming the file that could not be written.
void WritePhantomSeries(const std::filesystem::path& dir, const PhantomIdentity& identity, const Volume& volume);

// Writes an RT Structure Set with the ROIs, drawn on the slices of `series` as WritePhantomSeries wrote them.
void WritePhantomContours(const std::filesystem::path& file, const PhantomIdentity& identity, const Volume& series,
                          std::span<const PhantomRoi> rois);

}  // namespace consilium
