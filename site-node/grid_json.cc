// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/grid_json.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace consilium {
namespace {

nlohmann::json ToJson(Vec3 v) { return {v.x, v.y, v.z}; }
Vec3 Vec3FromJson(const nlohmann::json& json) {
  return {json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>()};
}

}  // namespace

std::string GridToJson(const Geometry& grid) {
  const nlohmann::json json = {
      {"size", {grid.size.x, grid.size.y, grid.size.z}},
      {"spacing_mm", ToJson(grid.spacing_mm)},
      {"origin_mm", ToJson(grid.origin_mm)},
      {"direction", {ToJson(grid.direction[0]), ToJson(grid.direction[1]), ToJson(grid.direction[2])}}};
  return json.dump();
}

Geometry GridFromJson(std::string_view text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    const auto& size = json.at("size");
    Geometry grid;
    grid.size = {size.at(0).get<std::int64_t>(), size.at(1).get<std::int64_t>(), size.at(2).get<std::int64_t>()};
    grid.spacing_mm = Vec3FromJson(json.at("spacing_mm"));
    grid.origin_mm = Vec3FromJson(json.at("origin_mm"));
    for (std::size_t axis = 0; axis < 3; ++axis) grid.direction[axis] = Vec3FromJson(json.at("direction").at(axis));
    return grid;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kDataLoss, std::string("a stored grid is damaged: ") + error.what());
  }
}

}  // namespace consilium
