// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/data/label_map.h"

namespace consilium {

// Dice coefficient 2|A and B| / (|A| + |B|) of everything that is not background; 1 if both are empty. Throws
// Error(kInvalidArgument) unless both lie on one grid.
double Dice(const LabelMap& a, const LabelMap& b);

}  // namespace consilium
