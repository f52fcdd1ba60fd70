// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace consilium {

// One bin: how many series, lesions or cases fall into it, and how many patients these come from.
struct StatisticsBin {
  std::int64_t count = 0, patients = 0;
  friend bool operator==(const StatisticsBin&, const StatisticsBin&) = default;
};

// A histogram over bins that are the same everywhere, so that no site's own range shows in them.
struct Histogram {
  std::vector<StatisticsBin> bins;  // one more than edges: bin n holds edge n-1 <= value < edge n
  bool hidden = false;              // bins of too few patients are not told as they are
  friend bool operator==(const Histogram&, const Histogram&) = default;
};

inline std::size_t BinOf(double value, std::span<const double> edges) {
  return static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin());
}

// Bin by bin; both have the same number.
inline void Add(const Histogram& from, Histogram& to) {
  for (std::size_t n = 0; n < to.bins.size(); ++n) {
    to.bins[n].count += from.bins[n].count;
    to.bins[n].patients += from.bins[n].patients;
  }
  to.hidden = to.hidden || from.hidden;
}

}  // namespace consilium
