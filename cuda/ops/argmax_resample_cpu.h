// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cuda/module_abi.h"

namespace consilium {

// The processor's half of ArgmaxResample() (cuda/ops/argmax_resample.h). Arguments are checked by the caller. Its
// kernel is the reference: it asks every class of every voxel. Positions and blends as in cuda/ops/trilinear_cpu.h; a
// score is blended along y, then z, then x, and a class wins if its score is greater than that of every class before.
void ArgmaxResampleCpu(const ConsiliumArgmax& what, const float* scores, std::uint8_t* labels);

}  // namespace consilium
