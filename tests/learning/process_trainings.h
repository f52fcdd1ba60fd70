// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "learning/trainer.h"
#include "tests/learning/toy_samples.h"

namespace consilium::test {

inline const NetworkSpec kTogether{.features = {8, 16, 16}};

// What one process and several train, in two calls.
struct Training {
  TrainPlan plan;
  std::vector<Sample> samples;
  bool scaffold = false;

  TrainPosition Position(int call) const {
    TrainPosition position;
    position.first_step = call * plan.steps;
    position.total_steps = 2 * plan.steps;
    position.seed = 5;
    return position;
  }
};

inline ControlVariates SomeControl(float value) {
  ControlVariates control{InitialParameters(kTogether, 3), InitialParameters(kTogether, 3)};
  for (NamedArray& array : control.global.arrays)
    for (float& number : array.values) number += value;
  return control;
}

inline Training TrainingNamed(const std::string& name) {
  Training training;
  TrainPlan& plan = training.plan;
  plan.patch = 16;
  plan.precision = "float32";
  plan.steps = 10;
  plan.batch = 2;
  plan.gradient_clip = 1;  // below the gradients' norms: only the mean gradient may be clipped
  training.samples = ToySamples(3);
  if (name == "adamw") {
    plan.optimizer = "adamw";
    plan.learning_rate = 1e-4;
    plan.average = 0.9;
    plan.batch = 4;
  } else if (name == "augmented") {
    plan.augmentation = "nnunet";
    plan.learning_rate = 0.001;
  } else if (name == "scaffold") {
    plan.momentum = 0;
    training.scaffold = true;
  } else if (name == "gradient") {  // three patients over two processes
    plan.local = "gradient";
    plan.steps = 1;
    plan.momentum = 0;
  } else if (name == "uneven") {
    plan.batch = 3;
  } else if (name == "few") {
    plan.local = "gradient";
    plan.momentum = 0;
    training.samples.resize(1);
  }
  return training;
}

}  // namespace consilium::test
