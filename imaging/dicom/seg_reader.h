// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/label_map.h"
#include "imaging/dicom/object_source.h"

namespace consilium {

// What a SEG says about itself.
struct SegInfo {
  std::string series_description;
  std::vector<std::string> segment_labels;
  std::vector<std::string> algorithms;  // one for each segment: "Consilium 0.1, model 5f0c..."; empty if drawn by hand
  std::int64_t frames = 0;
  Size3 size;  // columns, rows, frames
  ObjectSource source;
};

SegInfo ReadSegInfo(const std::filesystem::path& file);

// Puts the frames of a binary SEG on a grid, by position: voxel = number of its segment, the higher where two overlap.
// Frames may come in any order and run in any direction of the grid's axes. Throws Error(kInvalidArgument) if the file
// is no binary SEG or its frames do not lie on the grid, Error(kDataLoss) if it is damaged.
LabelMap ReadSeg(const std::filesystem::path& file, const Geometry& grid);

// The same on the grid of a series, after RequireFit(): another patient's SEG is refused even where its frames would
// lie on the grid.
LabelMap ReadSeg(const std::filesystem::path& file, const Series& series);

}  // namespace consilium
