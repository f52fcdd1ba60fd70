// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/study_counts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/ids.h"

namespace consilium {
namespace {

constexpr std::int64_t kMostStudies = 1'000'000'000;
constexpr std::size_t kMostReasons = 64;

}  // namespace

void StudyCounts::Validate() const {
  Require(studies >= 0 && studies <= kMostStudies && quarantined >= 0 && quarantined <= studies,
          "a site's number of studies, or of quarantined ones, is out of bounds");
  Require(reasons.size() <= kMostReasons, "a site gives more than 64 reasons for quarantined studies");
  std::int64_t sum = 0;
  for (const auto& [reason, count] : reasons) {
    Require(IsPlainName(reason), "a site's reason for a quarantined study is no plain name");
    Require(count >= 1 && count <= quarantined, "a site's count of a reason is out of bounds");
    sum += count;
  }
  Require(sum <= quarantined, "a site gives more reasons than it has quarantined studies");
}

std::string StudyCounts::Text() const {
  std::vector<std::pair<std::string, std::int64_t>> ordered(reasons.begin(), reasons.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string why;
  for (const auto& [reason, count] : ordered) why += (why.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  return std::to_string(quarantined) + " quarantined" + (why.empty() ? "" : " (" + why + ")");
}

}  // namespace consilium
