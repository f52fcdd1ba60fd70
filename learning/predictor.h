// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>

#include "core/data/probability_map.h"
#include "core/data/sample.h"
#include "core/model/network_spec.h"
#include "core/model/parameters.h"
#include "core/round/prep_plan.h"
#include "learning/compute.h"

namespace consilium {

struct PredictOptions {
  std::int64_t patch = 48;  // cubic edge of a tile in voxels: TrainPlan::patch; a multiple of the grid factor
  double overlap = 0.5;     // share of a tile that neighbours cover; 0 to below 1
  bool mirror = false;      // each tile also flipped along every set of axes, eight times in all; scores are averaged
};

// One model on a patient: overlapping tiles, evenly spread as nnU-Net spreads them, class scores added with Gaussian
// weights (sigma an eighth of the tile). Samples smaller than a tile are padded with air, as in training.
// Memory beside the sample: one accumulator of the sample's grid. Keeps the network; one thread at a time.
class Predictor {
 public:
  // Throws Error(kInvalidArgument) for parameters of another network, naming array and shapes.
  Predictor(const NetworkSpec& network, const PrepPlan& prep, const Parameters& parameters,
            const ComputeOptions& compute);
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  // Probability of tumour on the sample's grid. Throws Error(kCancelled) within one tile of `stop`,
  // kResourceExhausted, kInvalidArgument.
  ProbabilityMap Predict(const Sample& sample, const PredictOptions& options = {}, std::stop_token stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace consilium
