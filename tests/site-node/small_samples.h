// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/base/random.h"
#include "core/data/sample.h"
#include "core/round/run_plan.h"

namespace consilium {

// A plan that trains in well under a second.
inline RunPlan SmallPlan() {
  RunPlan plan;
  plan.name = "small";
  plan.rounds = 4;
  plan.network.features = {2, 4};
  plan.train.steps = 3;
  plan.train.patch = 8;
  plan.train.batch = 1;
  plan.train.precision = "float32";
  plan.Validate();
  return plan;
}

// A noisy cube with a bright ball that is the tumour.
inline Sample SmallSample(const std::string& id, std::uint64_t seed) {
  constexpr std::int64_t kEdge = 12;
  Random random(seed);
  Sample sample;
  sample.id = CaseId(id);
  sample.grid.size = {kEdge, kEdge, kEdge};
  sample.grid.spacing_mm = {4, 4, 4};
  std::vector<float> image;
  std::vector<std::uint8_t> label;
  for (int channel = 0; channel < 2; ++channel)
    for (std::int64_t k = 0; k < kEdge; ++k)
      for (std::int64_t j = 0; j < kEdge; ++j)
        for (std::int64_t i = 0; i < kEdge; ++i) {
          const bool inside = (i - 6) * (i - 6) + (j - 6) * (j - 6) + (k - 5) * (k - 5) <= 9;
          const double signal = channel == 0 && inside ? 3 : 0;
          image.push_back(static_cast<float>(signal + 0.1 * random.Normal()));
          if (channel == 0) label.push_back(inside ? 1 : 0);
        }
  sample.image = std::move(image);
  sample.label = std::move(label);
  return sample;
}

}  // namespace consilium
