// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/data/volume.h"
#include "imaging/dicom/series.h"

namespace consilium {

// Between the line on which slices follow each other (g.direction[2]) and their normal.
double LeanDegrees(const Geometry& g);

// Whether slices that lean so far were made by a tilted gantry: more than what rounded direction cosines and positions
// explain, 0.6 degrees, or 0.1 degrees where GantryDetectorTilt (0018,1120) names a tilt as well.
bool IsTilted(double lean_degrees, double told_degrees);

// The orthogonal grid of a leaning one. Its slices lie in the same planes; they are wide enough for all of every slice,
// by whole voxels, and the first slice's voxels stay where they are.
Geometry UprightGrid(const Geometry& leaning);

// Moves every slice of a tilted series (series.tilted, series.slices' positions) to its place on series.geometry:
// linear within its plane, so only values of neighbours in one slice are mixed; rounded to the stored step. Outside of
// a slice is air for CT, nothing (0) for PET and MR. `stored` has the slices as in the files, one after another.
// Throws Error(kInvalidArgument) if sizes do not fit.
Volume Straighten(const Series& series, Volume stored);

}  // namespace consilium
