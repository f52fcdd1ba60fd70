// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/sample_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/safetensors.h"

namespace consilium {
namespace {

nlohmann::json ToJson(Vec3 v) { return {v.x, v.y, v.z}; }

Vec3 Vec3FromJson(const nlohmann::json& json) {
  return {json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>()};
}

Geometry GridFromJson(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  Geometry grid;
  const auto& size = json.at("size");
  grid.size = {size.at(0).get<std::int64_t>(), size.at(1).get<std::int64_t>(), size.at(2).get<std::int64_t>()};
  grid.spacing_mm = Vec3FromJson(json.at("spacing_mm"));
  grid.origin_mm = Vec3FromJson(json.at("origin_mm"));
  for (std::size_t axis = 0; axis < 3; ++axis) grid.direction[axis] = Vec3FromJson(json.at("direction").at(axis));
  return grid;
}

}  // namespace

void WriteSampleFile(const std::filesystem::path& file, const Sample& sample) {
  const Geometry& grid = sample.grid;
  const nlohmann::json json = {
      {"size", {grid.size.x, grid.size.y, grid.size.z}},
      {"spacing_mm", ToJson(grid.spacing_mm)},
      {"origin_mm", ToJson(grid.origin_mm)},
      {"direction", {ToJson(grid.direction[0]), ToJson(grid.direction[1]), ToJson(grid.direction[2])}}};
  Parameters arrays;
  arrays.arrays.push_back({"image", {sample.channels, grid.size.z, grid.size.y, grid.size.x}, sample.image});
  if (!sample.label.empty()) {
    arrays.arrays.push_back(
        {"label", {grid.size.z, grid.size.y, grid.size.x}, {sample.label.begin(), sample.label.end()}});
  }
  WriteFileDurably(file, SerializeParameters(arrays, {{"grid", json.dump()}}));
}

Sample ReadSampleFile(const std::filesystem::path& file, const CaseId& id) {
  ParametersFile read = ReadParametersFile(file);
  const auto damaged = [&](const std::string& why) {
    return Error(ErrorCode::kDataLoss, fmt::format("{} is no prepared sample: {}", file.filename().string(), why),
                 "Remove the file; it is made again.");
  };
  Sample sample;
  sample.id = id;
  try {
    sample.grid = GridFromJson(read.metadata.at("grid"));
  } catch (const std::exception& error) {  // at() and the JSON library
    throw damaged(error.what());
  }
  const Size3 size = sample.grid.size;
  for (NamedArray& array : read.parameters.arrays) {
    if (array.name == "image" && array.shape.size() == 4) {
      sample.channels = static_cast<int>(array.shape[0]);
      if (array.shape != std::vector<std::int64_t>{array.shape[0], size.z, size.y, size.x}) throw damaged("wrong shape");
      sample.image = std::move(array.values);
    } else if (array.name == "label") {
      if (array.shape != std::vector<std::int64_t>{size.z, size.y, size.x}) throw damaged("wrong shape");
      sample.label.assign(array.values.begin(), array.values.end());
    } else {
      throw damaged("it holds an array that does not belong there");
    }
  }
  if (sample.image.empty()) throw damaged("the image is missing");
  return sample;
}

}  // namespace consilium
