// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/sample_file.h"

#include <fmt/format.h>

#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/safetensors.h"
#include "site-node/grid_json.h"

namespace consilium {
void WriteSampleFile(const std::filesystem::path& file, const Sample& sample) {
  const Geometry& grid = sample.grid;
  Parameters arrays;
  arrays.arrays.push_back({"image", {sample.channels, grid.size.z, grid.size.y, grid.size.x}, sample.image});
  if (!sample.label.empty()) {
    arrays.arrays.push_back(
        {"label", {grid.size.z, grid.size.y, grid.size.x}, {sample.label.begin(), sample.label.end()}});
  }
  WriteFileDurably(file, SerializeParameters(arrays, {{"grid", GridToJson(grid)}}));
}

Sample ReadSampleFile(const std::filesystem::path& file, const CaseId& id) {
  ParametersFile read = ReadParametersFile(file);
  const auto damaged = [&](const std::string& why) {
    return Error(ErrorCode::kDataLoss, fmt::format("{} is no prepared sample: {}", file.filename().string(), why),
                 "Remove the file; it is made again.");
  };
  Sample sample;
  sample.id = id;
  if (!read.metadata.contains("grid")) throw damaged("the grid is missing");
  sample.grid = GridFromJson(read.metadata.at("grid"));
  const Size3 size = sample.grid.size;
  for (NamedArray& array : read.parameters.arrays) {
    if (array.name == "image" && array.shape.size() == 4) {
      sample.channels = static_cast<int>(array.shape[0]);
      if (array.shape != std::vector<std::int64_t>{array.shape[0], size.z, size.y, size.x})
        throw damaged("wrong shape");
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
