// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/ids.h"
#include "core/data/geometry.h"
#include "core/data/label_map.h"
#include "core/data/probability_map.h"
#include "core/data/sample.h"
#include "core/data/volume.h"
#include "core/round/prep_plan.h"
#include "cuda/device.h"

namespace consilium {

// The common grid of a PET: its extent and axes, voxels of `spacing_mm` on every axis. The first voxel's low edge lies
// on the PET's first voxel's low edge; the last voxel may reach up to one spacing beyond the PET.
Geometry SampleGrid(const Geometry& pet, double spacing_mm);

// PET and CT of one patient on the common grid, trilinear, normalised by the plan; outside an image the plan's padding
// value (air). The contour, a label map on any grid of the same frame of reference, is resampled linearly and is 1
// where it reaches 0.5; null gives a sample without label. Throws Error(kInvalidArgument) if the CT and the PET do not
// overlap or a grid is not valid; Error(kResourceExhausted) if the grid would exceed 2^31 voxels.
Sample Prepare(CaseId id, const Volume& pet, const Volume& ct, const LabelMap* contour, const PrepPlan& plan,
               Device device);

// The network's answer on another grid, trilinear; 0 outside its own.
ProbabilityMap Resample(const ProbabilityMap& probability, const Geometry& grid);

// 1 where the probability, brought to `grid` (the PET's), reaches the threshold.
LabelMap ToGrid(const ProbabilityMap& probability, const Geometry& grid, double threshold = 0.5);

}  // namespace consilium
