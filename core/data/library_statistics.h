// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/histogram.h"
#include "core/data/volume.h"

namespace consilium {

// What one series tells: no word of a patient.
struct SeriesFeatures {
  Modality modality = Modality::kCt;
  std::string scanner;                   // "Manufacturer Model", of plain characters
  double in_plane_mm = 0, slice_mm = 0;  // the larger pixel spacing; the distance of slices
};

// What one case (study) tells.
struct CaseFeatures {
  std::vector<SeriesFeatures> series;
  std::optional<std::vector<double>> lesion_ml;  // of each outlined lesion; nothing without a label
};

// What kinds of data a hospital, or several together, have. Only counts: no value of a patient, and the statistics of
// two hospitals together are the sum of theirs (Merge), exactly, as long as no patient is in both.
struct LibraryStatistics {
  std::int64_t patients = 0, cases = 0, labelled = 0, lesions = 0;
  std::map<std::string, StatisticsBin> modalities;             // "PET", "CT", "MR"
  std::map<std::string, StatisticsBin> scanners;               // "PET Manufacturer Model"
  Histogram pet_in_plane, pet_slices, ct_in_plane, ct_slices;  // mm, of kSpacingEdgesMm; series
  Histogram lesion_volume, case_volume;  // ml, of kVolumeEdgesMl; lesions, and the sum in each labelled case
  bool names_hidden = false;             // some modalities or scanners were left out

  LibraryStatistics();
  void AddPatient(std::span<const CaseFeatures> cases);  // all of one patient's, once
  friend bool operator==(const LibraryStatistics&, const LibraryStatistics&) = default;
};

std::span<const double> SpacingEdgesMm();  // public and fixed; changing them needs another `format`
std::span<const double> VolumeEdgesMl();

struct NamedHistogram {
  std::string_view name, title, unit, things;  // "lesion_volume", "Volume of a lesion", "ml", "lesions"
  std::span<const double> edges;
  Histogram LibraryStatistics::*histogram;
};
std::span<const NamedHistogram> StatisticsHistograms();

LibraryStatistics Merge(const LibraryStatistics& a, const LibraryStatistics& b);

// What may leave a hospital: in each table no bin stands for 1 to k - 1 patients. Such bins are emptied, then the
// smallest others until at least k patients are hidden in that table, so that a difference to a total tells nothing.
// Totals of cases, labels and lesions are left out with fewer than k patients. k >= 1.
LibraryStatistics Shareable(const LibraryStatistics& statistics, std::int64_t k);

// JSON, format 1, and back. Reading throws Error(kInvalidArgument) naming `what` for anything that is no statistics:
// negative counts, more patients than things, other bins, more than 1000 scanners.
std::string ToJson(const LibraryStatistics& statistics);
LibraryStatistics StatisticsFromJson(std::string_view json, const std::string& what);

// A name for the public: letters, digits and " ._/+()-" are kept, anything else is '?'; at most 64 characters.
std::string PlainName(std::string_view text);

}  // namespace consilium
