// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/random.h"
#include "tools/study/cohort.h"

namespace consilium {

// Gamma(shape, 1) by Marsaglia and Tsang 2000 (with their boost for shapes below 1). shape > 0.
double GammaDraw(Random& random, double shape);

struct DirichletSplit {
  double alpha = 0.5;  // small: hospitals with patients of one kind; large: all alike
  std::int64_t sites = 4;
  std::int64_t validation = 1;  // of each new hospital: the last by name
  std::int64_t fewest = 3;      // training patients of each new hospital
  std::uint64_t seed = 1;
};

// Deals the training and validation patients of all hospitals anew, over artificial hospitals "site-1", "site-2", ...:
// four kinds of patients by the quartiles of their tumours' volumes, of each kind shares drawn from Dirichlet(alpha)
// (Hsu, Qi and Brown 2019). Drawn again until every hospital has enough. Held-out patients are none of them. Throws
// Error(kInvalidArgument) for numbers out of bounds, or if a thousand draws give no split.
std::vector<Cohort> DealAnew(std::vector<Cohort> cohorts, const DirichletSplit& split);

}  // namespace consilium
