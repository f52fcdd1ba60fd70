// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cuda/module_abi.h"

namespace consilium {

// The reference behind NearestDistances(): squared distances of `points` voxels. Arguments are checked by the caller.
// One order of operations, for the kernel too: a square is (spacing * steps) * (spacing * steps) in double, and a sum
// is (along x + along y) + along z.
void NearestDistanceCpu(const ConsiliumNearest& what, const std::uint8_t* set, const std::int64_t* at, double* squared);

}  // namespace consilium
