// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/ids.h"

#include <algorithm>

#include "core/base/error.h"

namespace consilium {

bool IsPlainName(std::string_view text) {
  const bool letters = std::all_of(text.begin(), text.end(),
                                   [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  return letters && !text.empty() && text.size() <= 40 && text.front() != '-' && text.back() != '-';
}

SiteId ParseSiteId(const std::string& text) {
  Require(IsPlainName(text), "'" + text.substr(0, 60) + "' cannot name a site",
          "Use 1 to 40 lower case letters, digits and '-', such as st-mary.");
  return SiteId(text);
}

}  // namespace consilium
