// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "imaging/dicom/rtstruct_reader.h"
#include "tests/support/dicom_files.h"

namespace consilium {

// A PET/CT study with a contour, small and sound until a test spoils it: PET of 12 x 10 x 6 voxels, CT of 16 x 14 x 12
// over the same 48 x 40 x 30 mm (and a little more), a GTV of kContourVoxels PET voxels.
struct SmallStudy {
  static constexpr int kContourVoxels = 24;

  SeriesFiles pet, ct;
  RtStruct contour;  // its file is set by WriteSmallStudy; without regions none is written

  const std::string& patient() const { return pet.patient; }
  const std::string& uid() const { return pet.study; }
};

// Study `number` of patient "AW-<number>"; all its UIDs are of that number.
SmallStudy MakeSmallStudy(int number);

// Writes PET/, CT/ and RTSTRUCT.dcm into the folder, which is made.
void WriteSmallStudy(const std::filesystem::path& folder, const SmallStudy& study);

}  // namespace consilium
