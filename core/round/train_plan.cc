// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/train_plan.h"

#include <cmath>
#include <numbers>

#include "core/base/error.h"

namespace consilium {
namespace {

// Comparisons with a NaN are false, so it is refused too.
void RequireRange(bool within, const char* key, const char* range) {
  Require(within, "train." + std::string(key) + " must be " + range);
}

}  // namespace

void TrainPlan::Validate() const {
  RequireRange(local == "steps" || local == "gradient", "local", "steps or gradient");
  RequireRange(local == "steps" || (optimizer == "sgd" && momentum == 0 && average == 0 && proximal == 0),
               "momentum, average and proximal",
               "0 and train.optimizer sgd where train.local is gradient: it has no "
               "step of its own to change");
  RequireRange(steps >= 1 && steps <= 1'000'000, "steps", "between 1 and 1000000");
  RequireRange(batch >= 1 && batch <= 256, "batch", "between 1 and 256");
  RequireRange(patch >= 8 && patch <= 512, "patch", "between 8 and 512 voxels");
  RequireRange(learning_rate > 0 && learning_rate <= 10, "learning_rate", "above 0 and at most 10");
  RequireRange(optimizer == "sgd" || optimizer == "adamw", "optimizer", "sgd or adamw");
  RequireRange(schedule == "poly" || schedule == "cosine" || schedule == "constant", "schedule",
               "poly, cosine or constant");
  RequireRange(warmup_steps >= 0 && warmup_steps <= 1'000'000'000, "warmup_steps", "between 0 and 1000000000");
  RequireRange(momentum >= 0 && momentum < 1, "momentum", "at least 0 and below 1");
  RequireRange(weight_decay >= 0 && weight_decay <= 1, "weight_decay", "between 0 and 1");
  RequireRange(foreground_fraction >= 0 && foreground_fraction <= 1, "foreground_fraction", "between 0 and 1");
  RequireRange(gradient_clip > 0 && gradient_clip <= 1e6, "gradient_clip", "above 0 and at most 1000000");
  RequireRange(average >= 0 && average < 1, "average", "at least 0 and below 1");
  RequireRange(proximal >= 0 && proximal <= 1000, "proximal", "between 0 and 1000");
  RequireRange(augmentation == "none" || augmentation == "nnunet", "augmentation", "none or nnunet");
  RequireRange(precision == "auto" || precision == "float32" || precision == "bfloat16", "precision",
               "auto, float32 or bfloat16");
}

double LearningRateAt(const TrainPlan& plan, std::int64_t step, std::int64_t total_steps) {
  const auto at = static_cast<double>(step), warm = static_cast<double>(plan.warmup_steps);
  if (step < plan.warmup_steps) return plan.learning_rate * (0.1 + 0.9 * at / warm);
  if (plan.schedule == "constant") return plan.learning_rate;
  if (step >= total_steps) return 0;
  const double done = (at - warm) / (static_cast<double>(total_steps) - warm);
  if (plan.schedule == "cosine") return plan.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
  return plan.learning_rate * std::pow(1 - done, 0.9);
}

}  // namespace consilium
