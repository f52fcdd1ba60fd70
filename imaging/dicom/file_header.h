// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/data/patient_text.h"
#include "imaging/dicom/open_file.h"
#include "imaging/dicom/pre_scan.h"
#include "imaging/dicom/slice_header.h"

namespace consilium {

// What the header of one file tells, before anything is known about other files.
struct FileHeader {
  std::filesystem::path file;
  PreScan scan;
  std::string fault;  // "not readable: ..." and why; empty if all is well, or if it is not DICOM
  FileKind kind = FileKind::kOther;
  PatientText patient_id, study_uid, series_uid, study_date;  // with a fault: as far as they are known
  std::string modality;
  std::optional<SliceHeader> slice;  // of kSlice
};

// Never throws for a bad file, nor for one that cannot be opened: that is a fault.
FileHeader ReadFileHeader(const OpenFile& file);

// The headers of files, in their order, read by several threads. `opened` is called from them with each file that was
// read, still open. Throws Error(kCancelled).
std::vector<FileHeader> ReadFileHeaders(std::span<const std::filesystem::path> files, const std::stop_token& stop,
                                        const std::function<void(std::unique_ptr<OpenFile>)>& opened = {});

}  // namespace consilium
