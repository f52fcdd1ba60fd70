// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "gui/model/case_source.h"

namespace consilium {

struct FolderOptions {
  std::filesystem::path folder;                       // of DICOM files, any nesting
  std::optional<std::filesystem::path> segmentation;  // a DICOM SEG, shown on the case whose PET it refers to
  std::string roi_pattern = "GTV*,Tumour*,Tumor*";    // of the contour taken as reference
};

// Cases from a folder of DICOM files: PET and CT of each patient, the RTSTRUCT's contour as reference, and as
// prediction the SEG that was named, or the first one in the folder that refers to the case's PET. Reads in a thread of
// its own; the first case's PET is shown as soon as it is decoded.
class FolderSource : public CaseSource {
  Q_OBJECT
 public:
  explicit FolderSource(FolderOptions options);
  ~FolderSource() override;

  void Start() override;
  void OpenCase(const std::string& id) override;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace consilium
