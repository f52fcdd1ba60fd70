// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace consilium {

// How many studies a hospital has, and how many of them cannot be used, by the names of the reasons ("no-suv"). All
// that a federation learns of the quality of a hospital's data.
struct StudyCounts {
  std::int64_t studies = 0, quarantined = 0;
  std::map<std::string, std::int64_t> reasons;  // of the quarantined ones

  // Throws Error(kInvalidArgument) when the numbers do not agree, or a reason is no plain name.
  void Validate() const;
  std::string Text() const;  // "2 quarantined (1 missing-slices, 1 no-suv)", the most frequent first; "0 quarantined"

  friend bool operator==(const StudyCounts&, const StudyCounts&) = default;
};

}  // namespace consilium
