// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/data/coded_concept.h"
#include "core/data/geometry.h"
#include "core/data/label_map.h"
#include "imaging/dicom/object_source.h"

namespace consilium {

// Who drew a segment (SegmentAlgorithmType, PS3.3 C.8.20.2): a program alone, a person with a program's help, a person.
enum class SegmentOrigin { kAutomatic, kSemiautomatic, kManual };

struct Segment {
  int number = 0;     // SegmentNumber, 1 to 65535
  std::string label;  // SegmentLabel
  CodedConcept type;  // SegmentedPropertyTypeCodeSequence; empty values if the file has none
  SegmentOrigin origin = SegmentOrigin::kManual;  // automatic also if the type is missing and an algorithm is named
  std::string algorithm;                          // "Consilium 0.1, model 5f0c..."; empty if drawn by hand
};

// What a SEG says about itself.
struct SegInfo {
  std::string series_description;
  std::vector<Segment> segments;
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

// 1 where any of the segments with these numbers is, 0 elsewhere: also right where one covers another.
LabelMap ReadSegments(const std::filesystem::path& file, const Series& series, std::span<const int> numbers);

}  // namespace consilium
