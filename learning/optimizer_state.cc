// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/optimizer_state.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"

namespace consilium {

Parameters ToParameters(const OptimizerState& state) {
  Parameters all;
  const auto add = [&](const std::string& prefix, const Parameters& part) {
    for (const NamedArray& array : part.arrays) all.arrays.push_back({prefix + array.name, array.shape, array.values});
  };
  add("momentum/", state.momentum);
  add("second_moment/", state.second_moment);
  add("average/", state.average);
  // Two digits of 2^20, so that a float holds each exactly.
  constexpr std::int64_t kBase = std::int64_t{1} << 20;
  all.arrays.push_back(
      {"steps", {2}, {static_cast<float>(state.steps / kBase), static_cast<float>(state.steps % kBase)}});
  return all;
}

OptimizerState OptimizerStateFrom(const Parameters& arrays) {
  OptimizerState state;
  const std::pair<std::string_view, Parameters*> parts[] = {
      {"momentum/", &state.momentum}, {"second_moment/", &state.second_moment}, {"average/", &state.average}};
  for (const NamedArray& array : arrays.arrays) {
    if (array.name == "steps" && array.values.size() == 2) {
      state.steps = (static_cast<std::int64_t>(array.values[0]) << 20) + static_cast<std::int64_t>(array.values[1]);
      continue;
    }
    const auto part = std::ranges::find_if(parts, [&](const auto& p) { return array.name.starts_with(p.first); });
    Require(part != std::end(parts), "the kept optimiser has an array `" + array.name + "`, which none has",
            "Remove the file: training then goes on without what it remembered.");
    part->second->arrays.push_back({array.name.substr(part->first.size()), array.shape, array.values});
  }
  return state;
}

}  // namespace consilium
