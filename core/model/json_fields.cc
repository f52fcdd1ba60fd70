// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/json_fields.h"

namespace consilium {

nlohmann::json ParseJson(std::string_view text, const std::string& what) {
  Require(text.size() <= (std::size_t{1} << 20), what + ": it has more than 1 MiB of text");
  bool deep = false;
  auto json = nlohmann::json::parse(
      text,
      [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        deep = deep || depth > 32;
        return !deep;
      },
      /*allow_exceptions=*/false);
  Require(!json.is_discarded() && !deep, what + ": it is no valid JSON");
  return json;
}

}  // namespace consilium
