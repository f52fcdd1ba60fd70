// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "hub/aggregate/aggregator.h"

namespace consilium {

// The mean of the updates, weighted as the plan says (McMahan et al. 2017, "Communication-efficient learning of deep
// networks from decentralized data"), summed exactly in fixed point (cuda/ops/fixed_point_sum.h): bitwise the same for
// every order. new = base + sum(weight * delta) / sum(weight).
class FedAvg : public Aggregator {
 public:
  Parameters Combine(const Parameters& base, std::span<const UpdateSource> updates) const override;
};

}  // namespace consilium
