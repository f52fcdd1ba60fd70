// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/data/series_key.h"
#include "core/data/volume.h"
#include "imaging/dicom/quarantine.h"
#include "imaging/dicom/series.h"

namespace consilium {

struct ScanOptions {
  std::stop_token stop;                                               // asked between files: Error(kCancelled)
  std::function<void(std::int64_t done, std::int64_t all)> progress;  // files, called from the calling thread
};

// A series or file that cannot be used, and why. A verdict, not an error.
struct RejectedSeries {
  std::filesystem::path place;  // the file at fault, or the folder of the series
  Fault fault;
  PatientText patient_id, study_uid;  // whose it is; empty where nobody can say
};

// A study of which a file was seen, whatever came of it.
struct StudySeen {
  PatientText patient_id, study_uid, study_date;
  std::filesystem::path place;          // the folder of its first file
  std::vector<std::string> modalities;  // (0008,0060) of its files: "CT", "PT", "SR"; sorted, each once
  std::int64_t series = 0, files = 0;
};

struct SeriesScan {
  std::vector<Series> usable;                         // by path of their first file
  std::vector<RejectedSeries> rejected;               // gap, duplicate, mixed orientation, missing tag, damaged file...
  std::vector<RejectedSeries> left_out;               // no harm: localisers, derived images, screenshots; and why
  std::vector<std::filesystem::path> structure_sets;  // RTSTRUCT files
  std::vector<std::filesystem::path> segmentations;   // SEG files
  std::vector<StudySeen> studies;                     // every study, also those without any image; by place
  std::int64_t other_files = 0;                       // not DICOM, or a kind that holds no volume (SR, PR, ...)
};

// Finds every PET, CT and MR series below `folder` (any nesting, mixed studies, other files between them). Reads
// headers only. Hidden files are skipped, links are followed (FilesBelow). A bad file never stops the others, nor does
// a folder that cannot be listed or a link that leads nowhere: it is rejected. Throws Error(kNotFound) if the folder
// does not exist, Error(kCancelled).
SeriesScan ScanFolder(const std::filesystem::path& folder, const ScanOptions& options = {});
SeriesScan ScanFiles(std::span<const std::filesystem::path> files, const ScanOptions& options = {});

// The one image series below `folder`. Throws Error(kFailedPrecondition) with the reasons if there is none, or if there
// are several.
Series ReadSeries(const std::filesystem::path& folder, const ScanOptions& options = {});

// The files of a series, ordered by k: what a caller keeps to read it again with ReadSeriesFiles().
std::vector<std::filesystem::path> FilesOf(const Series& series);
Series ReadSeriesFiles(std::span<const std::filesystem::path> files);

// Reads and decodes the pixels, in every syntax of transfer_syntax.cc. PET comes out in SUV (body weight).
// Throws Error(kDataLoss) naming the file if one is damaged or no longer what the header said.
Volume ToVolume(const Series& series, SeriesKey key);

}  // namespace consilium
