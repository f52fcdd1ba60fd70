// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/train_plan.h"

#include "core/base/error.h"

namespace consilium {
namespace {

// Comparisons with a NaN are false, so it is refused too.
void RequireRange(bool within, const char* key, const char* range) {
  Require(within, "train." + std::string(key) + " must be " + range);
}

}  // namespace

void TrainPlan::Validate() const {
  RequireRange(steps >= 1 && steps <= 1'000'000, "steps", "between 1 and 1000000");
  RequireRange(batch >= 1 && batch <= 256, "batch", "between 1 and 256");
  RequireRange(patch >= 8 && patch <= 512, "patch", "between 8 and 512 voxels");
  RequireRange(learning_rate > 0 && learning_rate <= 10, "learning_rate", "above 0 and at most 10");
  RequireRange(momentum >= 0 && momentum < 1, "momentum", "at least 0 and below 1");
  RequireRange(weight_decay >= 0 && weight_decay <= 1, "weight_decay", "between 0 and 1");
  RequireRange(foreground_fraction >= 0 && foreground_fraction <= 1, "foreground_fraction", "between 0 and 1");
  RequireRange(gradient_clip > 0 && gradient_clip <= 1e6, "gradient_clip", "above 0 and at most 1000000");
  RequireRange(precision == "auto" || precision == "float32" || precision == "bfloat16", "precision",
               "auto, float32 or bfloat16");
}

}  // namespace consilium
