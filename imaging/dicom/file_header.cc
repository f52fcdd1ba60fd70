// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/file_header.h"

#include <exception>
#include <utility>

#include "core/base/as_error.h"
#include "core/base/parallel.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

std::string NotReadable(const std::string& why) { return "not readable: " + why; }

}  // namespace

FileHeader ReadFileHeader(const OpenFile& file) {
  FileHeader out;
  out.file = file.path();
  try {
    FileValues values;
    out.scan = PreScanFile(file, {}, &values);
    out.patient_id = PatientText(values.top.Text(tag::kPatientId));
    out.study_uid = PatientText(values.top.Text(tag::kStudyUid));
    out.series_uid = PatientText(values.top.Text(tag::kSeriesUid));
    if (!out.scan.fault.empty()) out.fault = NotReadable(out.scan.fault);
    if (!out.scan.is_dicom || !out.fault.empty()) return out;
    out.study_date = PatientText(values.top.Text(tag::kStudyDate));
    out.modality = values.top.Text(tag::kModality);
    out.kind = KindOf(values.top.Text(tag::kSopClassUid));
    if (out.kind == FileKind::kSlice) out.slice = ReadSliceHeader(values, out.file, out.scan);
  } catch (const std::exception& failure) {
    out.fault = NotReadable(AsError(failure).what());
  }
  return out;
}

std::vector<FileHeader> ReadFileHeaders(std::span<const std::filesystem::path> files, const std::stop_token& stop,
                                        const std::function<void(std::unique_ptr<OpenFile>)>& opened) {
  std::vector<FileHeader> headers(files.size());
  InParallel(static_cast<std::int64_t>(files.size()), WorkingThreads(), stop, [&](int /*thread*/, std::int64_t i) {
    FileHeader& header = headers[static_cast<std::size_t>(i)];
    const std::filesystem::path& path = files[static_cast<std::size_t>(i)];
    std::unique_ptr<OpenFile> file;
    try {
      file = std::make_unique<OpenFile>(path);
    } catch (const std::exception& failure) {
      header.file = path;
      header.fault = NotReadable(AsError(failure).what());
      return;
    }
    header = ReadFileHeader(*file);
    if (opened) opened(std::move(file));
  });
  return headers;
}

}  // namespace consilium
