// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/data/fingerprint.h"
#include "core/round/nnunet_planner.h"
#include "core/round/run_plan.h"

namespace consilium {

struct PlannerOptions {
  double memory_gb = 8;              // of the graphics card of the weakest site, as nnU-Net estimates
  std::int64_t first_features = 32;  // of the network's first stage: nnU-Net's; fewer for sites without a graphics card
  double spacing_mm = 0;             // 0: from the fingerprint; else this (nnU-Net's overwrite_target_spacing)
  bool public_intensities = false;   // keep the base plan's constants of normalisation
};

struct PlannedRun {
  RunPlan plan;
  // What nnU-Net would plan with voxels and patches of unequal edges, for comparison. Axes z, y, x, but the one of the
  // largest spacing comes first.
  Axes target_spacing_mm{}, unequal_median_shape{};
  PlannedNetwork unequal;
  Axes median_shape{};  // on the plan's grid, axes z, y, x
};

// One plan for all hospitals behind the fingerprint, after nnU-Net. Our grid has cubic voxels and patches, so nnU-Net's
// rules are asked for them:
//   prep.spacing_mm   the edge of a cube of the target spacing's volume, to 0.01 mm
//   train.patch       nnU-Net's search, started from a cube of the median image's volume, on all axes together
//   network, batch    as nnU-Net plans for that patch; architecture, classes and deep supervision are the base plan's
//   prep.ct_*, pet_*  nnU-Net's CTNormalization for both: percentiles 0.5 and 99.5, mean and deviation of the values
//                     in tumours
// Everything else is the base plan's. The plan is valid. Throws Error(kInvalidArgument) for a fingerprint without
// cases, or images too small for a network; what PlanNetwork and RunPlan::Validate throw.
PlannedRun PlanRun(const Fingerprint& fingerprint, const RunPlan& base, const PlannerOptions& options = {});

// For a terminal: what was planned and from what.
std::string Words(const PlannedRun& planned, const Fingerprint& fingerprint);

}  // namespace consilium
