// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/base/sqlite.h"
#include "core/data/library_statistics.h"
#include "site-node/library/case_library.h"

namespace consilium {

// What a case tells for statistics: spacing and scanner of its series, volumes of its lesions.
CaseFeatures FeaturesOf(const CaseImages& images);

// The features of each case, so that statistics do not read all images again: DIR/statistics.sqlite. They hold until
// the case's data change. One thread at a time.
class FeatureStore {
 public:
  explicit FeatureStore(const std::filesystem::path& dir);
  std::optional<CaseFeatures> Find(const CaseId& id, const Digest& data);
  void Put(const CaseId& id, const Digest& data, const CaseFeatures& features);

 private:
  Database database_;
};

struct CollectedStatistics {
  LibraryStatistics statistics;
  std::int64_t unread = 0;  // cases that cannot be read, or may not be yet; they are not in it
};

// Of every case in the library that is there. Cases that were not looked at before are read whole, once.
CollectedStatistics CollectStatistics(CaseLibrary& library, FeatureStore& features,
                                      const std::function<void(double fraction)>& progress = {});

// For a terminal: one table for each histogram with something in it.
std::string StatisticsText(const LibraryStatistics& statistics);

// A picture as SVG 1.1, for any browser: horizontal bars, one below the other.
struct Picture {
  std::string name;  // "lesion_volume.svg"
  std::string svg;
};
std::vector<Picture> StatisticsPictures(const LibraryStatistics& statistics);

}  // namespace consilium
