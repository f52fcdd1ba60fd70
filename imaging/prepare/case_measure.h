// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/data/fingerprint.h"
#include "core/data/label_map.h"
#include "core/data/volume.h"
#include "cuda/device.h"

namespace consilium {

// What one outlined case tells a planner: the PET's grid, and the SUV and HU in the tumour as training would see them,
// prepared on cubic voxels of the PET's volume and not normalised. Throws as Prepare.
CaseMeasure MeasureCase(const Volume& pet, const Volume& ct, const LabelMap& reference, Device device);

}  // namespace consilium
