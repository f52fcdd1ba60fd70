// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/random.h"
#include "core/data/volume.h"
#include "imaging/phantom/anatomy.h"
#include "imaging/phantom/style.h"

namespace consilium {

// What a style's scanner makes of a body. Axial slices, feet first in storage (k rises with z), LPS, field of view
// kPhantomHalfFieldMm. The key of the volume is left empty.

// SUV (body weight, g/ml): partial volume by 2 x 2 x 2 points a voxel, Gaussian point spread, noise; never negative.
// Stored non-negative; each slice has its own slope, which is exact in 16 characters of decimal text.
Volume ScanPet(const PhantomBody& body, const PhantomStyle& style, Random random);

// HU: stored as HU + 1024, slope 1. Values are clipped to -1024 .. 3071.
Volume ScanCt(const PhantomBody& body, const PhantomStyle& style, Random random);

// The grid of a scan with these voxels.
Geometry PhantomGrid(Vec3 voxel_mm);

}  // namespace consilium
