// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/data/label_map.h"
#include "core/data/lesion.h"
#include "core/data/probability_map.h"
#include "core/data/volume.h"

namespace consilium {

// Components of a prediction smaller than this are specks of noise, not lesions.
inline constexpr double kSmallestLesionMl = 0.1;

// The tumours in a mask: connected components (26-neighbourhood, ITK), largest first, numbered from 1. Volume, SUVmax
// and SUVmean come from the PET, the probability is the mean over the lesion (none without a map: a contour or a SEG
// has none). Components under `min_volume_ml` are left out, and so are those after the 255th: `left_out` counts
// these and a line in the log says so. Throws Error(kInvalidArgument) unless mask, PET and probability lie on one grid
// (Resample() brings the map there).
LesionList FindLesions(const LabelMap& mask, const Volume& pet, const ProbabilityMap* probability,
                       double min_volume_ml = 0);

// Sets the probability to 0 in every connected part of what reaches `threshold` but the largest one. Parts of the same
// size: the one that comes first in storage stays.
void KeepLargest(ProbabilityMap& probability, double threshold = 0.5);

// What a prediction shows of a patient: the lesions where the probability, on the PET's grid, reaches 0.5, specks left
// out; of the largest connected part alone if the model's card says so.
LesionList LesionsOf(ProbabilityMap on_pet, const Volume& pet, bool largest_only);

}  // namespace consilium
