// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>

#include "core/data/label_map.h"
#include "core/data/volume.h"

namespace consilium {

// Volumes and label maps for other tools, by ITK: NIfTI-1, .nii or .nii.gz. NIfTI's world is RAS, so x and y change
// their sign in the file; what is read back is LPS again. A volume is written as float in physical units (SUV, HU).
// Throw Error(kInvalidArgument) for another file name, Error(kDataLoss) if writing or reading fails.
void WriteNifti(const std::filesystem::path& file, const Volume& volume);
void WriteNifti(const std::filesystem::path& file, const LabelMap& map);
void WriteNifti(const std::filesystem::path& file, const Geometry& grid, std::span<const float> values);  // [k][j][i]

// Three dimensions, one whole number of 0 to 255 in each voxel, whatever type it is stored as; else
// Error(kInvalidArgument).
LabelMap ReadNiftiLabelMap(const std::filesystem::path& file);

// The same on a grid that has the same voxels, maybe with its axes in another order or direction: undone exactly,
// nothing is interpolated. Corners may lie apart by a twentieth of a voxel, because NIfTI holds its transform as float.
// Throws Error(kInvalidArgument) with both grids in words for another grid, before any voxel is read.
LabelMap ReadNiftiLabelMap(const std::filesystem::path& file, const Geometry& grid);

}  // namespace consilium
