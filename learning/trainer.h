// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "core/data/sample.h"
#include "core/model/network_spec.h"
#include "core/model/parameters.h"
#include "core/round/prep_plan.h"
#include "core/round/train_plan.h"
#include "learning/compute.h"
#include "learning/optimizer_state.h"

namespace consilium {

class ProcessGroup;

// SCAFFOLD's control variates (Karimireddy et al., ICML 2020), each of the model's layout: where the whole federation
// goes and where this site goes. Their difference is added to every gradient, so that sites with other patients do not
// drift apart. Zeros before the first round.
struct ControlVariates {
  Parameters global;  // c, the hub's
  Parameters own;     // c_i, kept by the site
};

// Where a call to Train stands in its run: the learning rate falls over `total_steps` of the RUN, and step s draws
// its patches from (seed, s), so a run cut into rounds draws what one long run draws.
struct TrainPosition {
  std::int64_t first_step = 0;               // steps this site has done in this run
  std::int64_t total_steps = 1;              // of the whole run: RunPlan::TotalSteps()
  std::uint64_t seed = 0;                    // of the run and the site: DeriveSeed
  const ControlVariates* control = nullptr;  // of this round; null: not SCAFFOLD. Needs plain sgd: no momentum
};

struct TrainProgress {
  std::int64_t step = 0;   // done in this call
  std::int64_t steps = 0;  // to do in this call
  double mean_loss = 0;    // over the steps done
  double seconds = 0;      // since the call began
};

struct TrainOutcome {
  Parameters parameters;     // finite, or Train throws; with TrainPlan::average the average, in the run's last step
  OptimizerState optimizer;  // hand it to the next call
  Parameters control;        // with control variates: the site's next c_i (option II of the paper); else empty
  double mean_loss = 0;      // Dice and cross-entropy as nnU-Net adds them: -1 is perfect
  std::int64_t steps = 0;
  double seconds = 0;
  std::string precision;  // "float32" or "bfloat16"
  std::string device;     // "cpu" or "cuda:N"
  int threads = 0;        // processor threads
};

// Trains one network on one site's samples: Dice and cross-entropy with deep supervision, patches of which a share is
// forced to hold tumour, augmentation, SGD or AdamW as the plan says (nnU-Net v2's recipe; Isensee et al., Nature
// Methods 2021). Voxels labelled 255 were judged by nobody and have no part in the loss. The same seed, machine and
// threads give the same parameters, bit for bit. On a GPU whole steps run on the device. One thread at a time.
//
// Data parallel: with a process group, Train is called in every process with the same arguments and takes each step
// together: patch i of the plan's batch (patient i, where local = gradient) belongs to process i % size, and the
// gradient is averaged before it is clipped. `start`, `optimizer` and the control variates' numbers are those of rank
// 0, and all get the same outcome: that of one process with the same plan, up to the order of sums. Not quite so with
// partly labelled patients: cross-entropy is then a mean over each process's own judged voxels, as in nnU-Net's
// distributed training. A stop in one process stops all in the same step.
class Trainer {
 public:
  // `prep` gives the values outside a sample's grid (air). `processes` must outlive the trainer; null: this process
  // alone. Throws Error(kInvalidArgument, kFailedPrecondition).
  Trainer(const NetworkSpec& network, const PrepPlan& prep, const ComputeOptions& compute,
          ProcessGroup* processes = nullptr);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Takes plan.steps steps from `start`. Every sample needs a label. Throws Error(kInvalidArgument) for parameters of
  // another network or samples it cannot use, kCancelled within one step of `stop`, kResourceExhausted with words
  // about what would fit, kOutOfRange if the loss or the parameters stop being finite.
  // In several processes also kFailedPrecondition if they do not train the same, and what ProcessGroup throws; after
  // an error in one of them the group is left.
  // `progress` is called on the calling thread, at most twice a second and after the last step.
  TrainOutcome Train(const Parameters& start, const OptimizerState& optimizer, std::span<const Sample> samples,
                     const TrainPlan& plan, const TrainPosition& position, std::stop_token stop = {},
                     const std::function<void(const TrainProgress&)>& progress = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace consilium
