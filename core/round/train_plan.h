// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace consilium {

// How a site trains in one round. The defaults are nnU-Net's recipe with sizes of our own; `optimizer = "adamw"`,
// `schedule = "cosine"` and `warmup_steps` are MONAI's.
struct TrainPlan {
  std::string local = "steps";  // steps: so many optimiser steps | gradient: FedSGD, one step of the federation a round
  std::int64_t steps = 50;      // optimiser steps a round
  std::int64_t batch = 2;
  std::int64_t patch = 48;            // cubic edge in voxels; a multiple of the network's grid factor
  std::string optimizer = "sgd";      // sgd (Nesterov) | adamw (beta 0.9, 0.999)
  double learning_rate = 0.01;        // the first one, or the one after the warm-up
  std::string schedule = "poly";      // poly: (1 - step / total_steps)^0.9 over the RUN | cosine | constant
  std::int64_t warmup_steps = 0;      // of the run: from a tenth of the learning rate up to it
  double momentum = 0.99;             // of sgd
  double weight_decay = 3e-5;         // sgd: L2 penalty; adamw: decoupled
  double gradient_clip = 12;          // norm
  double average = 0;                 // decay a step of an average over the weights; 0: none
  double proximal = 0;                // FedProx: mu of mu/2 |w - round's first w|^2; 0: none
  double foreground_fraction = 0.33;  // share of a batch forced to hold tumour (nnU-Net oversampling)
  std::string augmentation = "none";  // none | nnunet: rotation, scaling, noise, blur, brightness, ... before the flips
  bool mirror = true;                 // flips of each axis, p 0.5
  std::string precision = "auto";     // auto | float32 | bfloat16; auto is a function of processor features only

  template <class V>
  void Visit(V& v) {
    v.Field("local", local,
            "steps: a site takes optimiser steps on patches; gradient: FedSGD, it gives the gradient over its whole "
            "patients, and the federation takes one plain step of learning_rate a round");
    v.Field("steps", steps, "optimiser steps of a site in one round");
    v.Field("batch", batch, "patches in one step");
    v.Field("patch", patch, "edge of a patch in voxels");
    v.Field("optimizer", optimizer, "sgd, with Nesterov momentum, or adamw");
    v.Field("learning_rate", learning_rate, "first learning rate, after the warm-up if there is one");
    v.Field("schedule", schedule, "how it falls over the steps of the run: poly, cosine or constant");
    v.Field("warmup_steps", warmup_steps, "steps at the run's start in which it rises from a tenth");
    v.Field("momentum", momentum, "Nesterov momentum of sgd");
    v.Field("weight_decay", weight_decay, "L2 penalty of sgd, decoupled decay of adamw");
    v.Field("gradient_clip", gradient_clip, "largest gradient norm");
    v.Field("average", average,
            "decay a step of an exponential average over the weights, which the run ends with; 0: none");
    v.Field("proximal", proximal, "FedProx: pulls a site's weights towards the round's first ones; 0: FedAvg");
    v.Field("foreground_fraction", foreground_fraction, "share of patches that must hold tumour");
    v.Field("augmentation", augmentation,
            "none, or nnunet: its rotation, scaling, noise, blur, brightness, contrast, "
            "low resolution and gamma");
    v.Field("mirror", mirror, "random flips of each axis");
    v.Field("precision", precision, "auto, float32 or bfloat16");
  }
  void Validate() const;
  friend bool operator==(const TrainPlan&, const TrainPlan&) = default;
};

// The learning rate of step `step` of `total_steps`: nnU-Net's PolyLRScheduler (power 0.9), MONAI's
// WarmupCosineSchedule (half a cosine, to 0; warm-up from a tenth), or constant. 0 from total_steps on, but for
// constant.
double LearningRateAt(const TrainPlan& plan, std::int64_t step, std::int64_t total_steps);

}  // namespace consilium
