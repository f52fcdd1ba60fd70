// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/geometry.h"
#include "core/data/label_map.h"
#include "imaging/dicom/object_source.h"

namespace consilium {

// One region of an RTSTRUCT: closed planar polygons in LPS, mm. Several may lie on one slice; where they overlap the
// even-odd rule makes holes.
struct Roi {
  std::string name;
  std::vector<std::vector<Vec3>> contours;  // each without a repeated last point; may be empty: nothing was drawn
};

struct RtStruct {
  std::filesystem::path file;
  ObjectSource source;
  std::vector<Roi> rois;
};

// Reads the regions of an RTSTRUCT (DICOM PS3.3 A.19). Throws Error(kInvalidArgument) if it is none, Error(kDataLoss)
// if it is damaged; words name the file and the tag.
RtStruct ReadRtStruct(const std::filesystem::path& file);

// True if `name` fits one of the comma-separated patterns, in which '*' is any text and '?' any character. Case does
// not matter: MatchesPattern("GTV_Mass_PET", "gtv*,tumour*").
bool MatchesPattern(std::string_view name, std::string_view pattern);

// The regions whose name fits the pattern.
std::vector<const Roi*> MatchingRois(const RtStruct& structures, std::string_view pattern);

// 1 in every voxel whose centre lies inside the matching regions (their union), 0 elsewhere. Of centres that lie on an
// edge those belong whose inside is towards greater i, or along i towards greater j: a square drawn on the centres 2 to
// 6 marks 2, 3, 4, 5 on both axes, so that as many voxels are marked as its area says, contours that share an edge
// leave neither seam nor overlap, and the cut of a keyhole (one outline that runs in to a hole and back) does not show.
// Within 1e-6 voxels a point lies on a centre. A contour belongs to the
// slice it lies nearest to by position and reaches at most half the usual distance between contours, or half a slice if
// that is more; referenced image UIDs are not looked at, because they are often wrong. Contours outside the grid are
// left out. A region in which nothing was drawn marks nothing. Throws Error(kNotFound) listing the names there are if
// none fits, and Error(kInvalidArgument) if the contours do not lie in the grid's slices (drawn on another orientation)
// or a region has closed contours and not one of its voxels lies on the grid.
LabelMap ToLabelMap(const RtStruct& structures, std::string_view roi_pattern, const Geometry& grid);

// The same on the grid of a series, after RequireFit(): another patient's contours are refused even where they would
// lie on the grid.
LabelMap ToLabelMap(const RtStruct& structures, std::string_view roi_pattern, const Series& series);

}  // namespace consilium
