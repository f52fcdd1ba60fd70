// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/round/own_arrays.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/safetensors.h"

namespace consilium {
namespace {

constexpr std::string_view kEnding = ".safetensors";

}  // namespace

OwnArrays::OwnArrays(std::filesystem::path dir) : dir_(std::move(dir)) { std::filesystem::create_directories(dir_); }

std::filesystem::path OwnArrays::FileOf(const RunId& run, std::int64_t round) const {
  return dir_ / fmt::format("{}-{}{}", run.text(), round, kEnding);
}

std::optional<std::int64_t> OwnArrays::Newest(const RunId& run, std::optional<std::int64_t> before) const {
  std::optional<std::int64_t> newest;
  const std::string start = run.text() + "-";
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(start) || !name.ends_with(kEnding)) continue;
    std::int64_t round = 0;
    const char* end = name.data() + name.size() - kEnding.size();
    const auto [stop, error] = std::from_chars(name.data() + start.size(), end, round);
    if (error != std::errc() || stop != end || (before && round >= *before)) continue;
    newest = std::max(newest.value_or(round), round);
  }
  return newest;
}

bool OwnArrays::Has(const GlobalModel& model) const { return Newest(model.card.run, std::nullopt).has_value(); }

Parameters OwnArrays::In(const GlobalModel& model, std::optional<std::int64_t> before) const {
  Parameters parameters = model.parameters;
  if (model.card.keep_local == "none") return parameters;
  const std::optional<std::int64_t> round = Newest(model.card.run, before);
  if (!round) return parameters;
  const std::filesystem::path file = FileOf(model.card.run, *round);
  Parameters own = ReadParametersFile(file).parameters;
  const std::vector<ArraySpec> layout = LayoutOf(model.card.network);
  std::size_t next = 0;
  for (std::size_t a = 0; a < layout.size(); ++a) {
    if (!StaysLocal(layout[a], model.card.keep_local)) continue;
    Require(next < own.arrays.size() && own.arrays[next].name == layout[a].name &&
                own.arrays[next].shape == layout[a].shape,
            file.string() + " holds arrays of another network than the run's",
            "Remove it: the hospital then starts from the global arrays.");
    parameters.arrays[a].values = std::move(own.arrays[next++].values);
  }
  return parameters;
}

void OwnArrays::Keep(const RunPlan& plan, const SubmissionId& id, const Parameters& trained, Parameters& delta) const {
  if (plan.aggregation.keep_local == "none") return;
  Parameters own;
  const std::vector<ArraySpec> layout = LayoutOf(plan.network);
  for (std::size_t a = 0; a < layout.size(); ++a) {
    if (!StaysLocal(layout[a], plan.aggregation.keep_local)) continue;
    own.arrays.push_back(trained.arrays[a]);
    std::ranges::fill(delta.arrays[a].values, 0.0F);
  }
  const std::int64_t round = id.round.value();
  WriteFileDurably(FileOf(id.run, round), SerializeParameters(own, {}));
  // A repeated round starts from the latest before it; the older ones are of no more use.
  const auto latest = Newest(id.run, round);
  while (const auto older = latest ? Newest(id.run, latest) : std::nullopt)
    std::filesystem::remove(FileOf(id.run, *older));
}

GlobalModel OwnVersion(const GlobalModel& model, Parameters parameters) {
  ModelCard card = model.card;
  card.own = true;
  card.parent = model.digest;
  return ParseModel(SerializeModel(card, parameters), "this hospital's own model");
}

}  // namespace consilium
