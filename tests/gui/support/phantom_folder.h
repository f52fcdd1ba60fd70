// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/phantom/phantom.h"

namespace consilium {

// DICOM files of phantoms as a user would have them: north-001 and north-002 are whole, the CT of north-003 misses a
// slice. `seg()` holds the contour of north-001 as a prediction; it lies outside the folder.
class PhantomFolder {
 public:
  explicit PhantomFolder(const std::filesystem::path& dir) : dir_(dir) {
    std::filesystem::remove_all(dir_);
    WritePhantoms({.dir = images(), .patients = 3, .style = "north", .seed = 11});
    std::filesystem::remove(images() / "north-003" / "CT" / "image" / "0011.dcm");
    pet_ = ReadSeries(images() / "north-001" / "PET" / "image");
    contour_ = ToLabelMap(ReadRtStruct(images() / "north-001" / "PET" / "RTSTRUCT.dcm"), "GTV*", pet_.geometry);
    WriteSeg(seg(), pet_, contour_, {});
  }
  ~PhantomFolder() { std::filesystem::remove_all(dir_); }
  PhantomFolder(const PhantomFolder&) = delete;
  PhantomFolder& operator=(const PhantomFolder&) = delete;

  std::filesystem::path dir() const { return dir_; }
  std::filesystem::path images() const { return dir_ / "images"; }
  std::filesystem::path seg() const { return dir_ / "seg.dcm"; }
  const Series& pet() const { return pet_; }
  const LabelMap& contour() const { return contour_; }

 private:
  std::filesystem::path dir_;
  Series pet_;
  LabelMap contour_;
};

}  // namespace consilium
