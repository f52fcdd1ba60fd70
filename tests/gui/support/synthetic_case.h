// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/data/label_map.h"
#include "core/data/lesion.h"
#include "core/data/volume.h"

namespace consilium {

// A patient made by formulas: an oval body with lungs and spine, a hot liver on the right, and two hot balls, the
// larger in the patient's LEFT upper thorax, the smaller in the right thigh. PET and CT have different grids.
struct SyntheticCase {
  std::string id = "case-1";
  Volume pet, ct;
  LabelMap reference;     // the larger ball, drawn a little too large
  LesionList prediction;  // both balls
};
SyntheticCase MakeSyntheticCase();

// Centres of the balls, mm, LPS.
inline constexpr Vec3 kLargeTumour{70, -20, 120};
inline constexpr Vec3 kSmallTumour{-60, 10, -180};

}  // namespace consilium
