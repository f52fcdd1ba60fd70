// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/config.h"
#include "core/base/error.h"
#include "learning/augment.h"
#include "learning/data_parallel.h"
#include "learning/loss.h"
#include "learning/network.h"
#include "learning/optimizer.h"
#include "learning/patch_sampler.h"
#include "learning/step_memory.h"
#include "learning/tensors.h"
#include "learning/torch_device.h"

namespace consilium {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The tensors of one batch, made once and filled anew for each step.
struct Batch {
  at::Tensor image;   // [B, C, P, P, P] float32
  at::Tensor labels;  // [B, 1, P, P, P] uint8
};

// What a batch is cut from, and how.
struct Source {
  const std::vector<SampleTensors>& samples;
  const at::Tensor& padding;
  std::int64_t classes = 2;
};

void Fill(const Batch& batch, const std::vector<PatchChoice>& choices, const Source& source, at::Generator& generator) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const PatchChoice& choice = choices[i];
    const SampleTensors& sample = source.samples[choice.sample];
    const at::Tensor image = batch.image[static_cast<std::int64_t>(i)];
    const at::Tensor label = batch.labels[static_cast<std::int64_t>(i)];
    CutMovedPatch(sample.image, choice.corner, choice.augmentation, source.padding, image);
    CutMovedLabel(sample.label, choice.corner, choice.augmentation, source.classes, label);
    ChangeIntensities(choice.augmentation, generator, image);
    std::vector<std::int64_t> axes;
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      if (choice.flip[static_cast<std::size_t>(axis)]) axes.push_back(3 - axis);
    }
    if (axes.empty()) continue;
    image.copy_(image.flip(axes));
    label.copy_(label.flip(axes));
  }
}

// Sums the loss on the device and reads it only when progress is due.
class LossMeter {
 public:
  LossMeter(const at::Device& device, std::int64_t steps, const std::function<void(const TrainProgress&)>& progress)
      : sum_(at::zeros({}, at::TensorOptions(device).dtype(at::kDouble))), steps_(steps), progress_(progress) {}

  void Add(const at::Tensor& loss) {
    sum_.add_(loss);
    ++done_;
    if (!progress_ || (done_ < steps_ && SecondsSince(reported_) < 0.5)) return;
    reported_ = Clock::now();
    progress_({done_, steps_, Mean(), Seconds()});
  }
  double Mean() const { return ReadScalar(sum_) / static_cast<double>(done_); }
  double Seconds() const { return SecondsSince(start_); }

 private:
  at::Tensor sum_;
  std::int64_t steps_, done_ = 0;
  const std::function<void(const TrainProgress&)>& progress_;
  Clock::time_point start_ = Clock::now(), reported_ = start_;
};

// One call of Train, made definite.
struct Call {
  const TrainPlan& plan;
  const TrainPosition& position;
  Precision precision;
  Labelled labelled;
  std::int64_t batch;     // this process's patches of a step
  std::int64_t patients;  // of all processes
  const std::stop_token& stop;
};

}  // namespace

struct Trainer::Impl {
  Impl(const NetworkSpec& spec, const PrepPlan& prep, const ComputeOptions& options, ProcessGroup* group)
      : device(OpenTorchDevice(options)),
        network(MakeNetwork(spec, device.torch)),
        prep_digest(prep.digest()),
        processes(group) {
    prep.Validate();
    padding = PaddingOf(prep, spec.input_channels, device.torch);
    generator = at::globalContext().defaultGenerator(device.torch).clone();
  }

  at::Tensor Loss(const Batch& batch, Precision precision, Labelled labelled) const {
    return DeepSupervisionLoss(network->Forward(batch.image, precision, TrainingLevels(network->spec())),
                               batch.labels.squeeze(1).to(at::kLong), labelled);
  }

  // The gradient of one batch, on the device: nothing is copied to the host. Returns the loss, a scalar there.
  at::Tensor Gradient(const Batch& batch, Precision precision, Labelled labelled) const {
    const at::Tensor loss = Loss(batch, precision, labelled);
    loss.backward();
    return loss.detach();
  }

  // FedSGD (McMahan et al. 2017): the gradient of the mean loss over whole patients, each with its own Dice, left in
  // the parameters. Returns that mean. A patient is padded with air to edges that the network takes. `share` is what
  // each weighs.
  at::Tensor WholeGradient(const std::vector<SampleTensors>& patients, double share, Precision precision,
                           Labelled labelled, const std::stop_token& stop) const {
    at::Tensor sum = at::zeros({}, at::TensorOptions(device.torch).dtype(at::kDouble));
    for (const SampleTensors& patient : patients) {
      if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "training was stopped within its step");
      std::array<std::int64_t, 3> corner{};  // x, y, z
      std::vector<std::int64_t> edges;       // z, y, x
      for (std::int64_t dim = 1; dim <= 3; ++dim) {
        edges.push_back(network->spec().PatchFrom(patient.image.size(dim)));
        corner[static_cast<std::size_t>(3 - dim)] = -((edges.back() - patient.image.size(dim) + 1) / 2);
      }
      const Batch whole{at::empty({1, patient.image.size(0), edges[0], edges[1], edges[2]}, patient.image.options()),
                        at::empty({1, 1, edges[0], edges[1], edges[2]}, patient.label.options())};
      CutPatch(patient.image, corner, padding, whole.image[0]);
      CutPatch(patient.label, corner, at::zeros({1, 1, 1, 1}, patient.label.options()), whole.labels[0]);
      const at::Tensor loss = Loss(whole, precision, labelled);
      (loss * share).backward();
      sum.add_(loss.detach(), share);
    }
    return sum;
  }

  // Takes the plan's steps, with the other processes. Returns the sum of the learning rates.
  double TakeSteps(const Call& call, const std::vector<SampleTensors>& samples, const PatchSampler& sampler,
                   Optimizer& optimizer, DataParallel& together, LossMeter& meter) {
    const NetworkSpec& spec = network->spec();
    const std::int64_t p = call.plan.patch, own = call.plan.local == "gradient" ? 0 : call.batch;
    const auto floats = at::TensorOptions(device.torch).dtype(at::kFloat);
    const Batch batch{at::empty({own, spec.input_channels, p, p, p}, floats),
                      at::empty({own, 1, p, p, p}, floats.dtype(at::kByte))};
    const Source source{samples, padding, spec.classes};
    double way = 0;
    for (std::int64_t s = 0; s < call.plan.steps; ++s) {
      if (together.Stopped(call.stop))
        throw Error(ErrorCode::kCancelled, "training was stopped after " + std::to_string(s) + " steps");
      const std::int64_t step = call.position.first_step + s;
      at::Tensor loss;
      if (own == 0) {
        const double share = static_cast<double>(together.size()) / static_cast<double>(call.patients);
        loss = WholeGradient(samples, share, call.precision, call.labelled,
                             together.alone() ? call.stop : std::stop_token{});  // others would wait for the rest
      } else {
        Fill(batch, together.Own(sampler.Draw(call.position.seed, step)), source, generator);
        loss = Gradient(batch, call.precision, call.labelled);
      }
      meter.Add(together.Average(network->tensors(), loss));
      const double rate = LearningRateAt(call.plan, step, call.position.total_steps);
      optimizer.Step(rate);
      way += rate;
    }
    return way;
  }

  TorchDevice device;
  std::unique_ptr<Network> network;
  Digest prep_digest;
  ProcessGroup* processes;
  at::Tensor padding;
  at::Generator generator;  // of the device, seeded anew for each use
};

namespace {

std::vector<at::Tensor> ZerosLike(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> zeros;
  for (const at::Tensor& tensor : tensors) zeros.push_back(at::zeros_like(tensor));
  return zeros;
}

// What the plan's optimiser remembers, from what the caller kept; zeros, and an average at the first weights, where
// it kept nothing.
OptimizerTensors Remembered(const OptimizerState& kept, const NetworkSpec& spec, const TrainPlan& plan,
                            const std::vector<at::Tensor>& parameters) {
  OptimizerTensors state;
  const at::NoGradGuard no_gradients;
  state.momentum = ZerosLike(parameters);
  if (plan.optimizer == "adamw") state.second_moment = ZerosLike(parameters);
  if (plan.average > 0) {
    for (const at::Tensor& parameter : parameters) state.average.push_back(parameter.detach().clone());
  }
  if (kept.empty()) return state;
  const auto load = [&](const Parameters& from, const std::vector<at::Tensor>& to, const char* what) {
    if (!to.empty()) LoadParameters(from, spec, to, std::string("the kept ") + what);
  };
  load(kept.momentum, state.momentum, "momentum");
  load(kept.second_moment, state.second_moment, "second moment");
  load(kept.average, state.average, "average");
  state.steps = kept.steps;
  return state;
}

OptimizerState Kept(const OptimizerTensors& state, const NetworkSpec& spec) {
  OptimizerState kept;
  kept.momentum = SaveParameters(spec, state.momentum);
  if (!state.second_moment.empty()) kept.second_moment = SaveParameters(spec, state.second_moment);
  if (!state.average.empty()) kept.average = SaveParameters(spec, state.average);
  kept.steps = state.steps;
  return kept;
}

// What SCAFFOLD adds to every gradient: c - c_i.
std::vector<at::Tensor> CorrectionOf(const ControlVariates* control, const NetworkSpec& spec,
                                     const std::vector<at::Tensor>& parameters) {
  if (control == nullptr) return {};
  std::vector<at::Tensor> correction = ZerosLike(parameters);
  LoadParameters(Difference(control->global, control->own), spec, correction, "SCAFFOLD's control variates");
  return correction;
}

// Option II of the paper: c_i - c + (start - end) / sum of learning rates.
Parameters NextControl(const ControlVariates& control, const Parameters& start, const Parameters& end, double way) {
  Parameters next = Difference(control.own, control.global);
  for (std::size_t a = 0; a < next.arrays.size(); ++a) {
    for (std::size_t i = 0; i < next.arrays[a].values.size(); ++i) {
      const double gone = double{start.arrays[a].values[i]} - double{end.arrays[a].values[i]};
      next.arrays[a].values[i] += static_cast<float>(gone / way);
    }
  }
  return next;
}

// What one backward pass holds: a batch of patches, or the largest patient.
StepSize StepOf(const TrainPlan& plan, std::int64_t batch, const NetworkSpec& spec, std::span<const Sample> samples,
                Precision precision) {
  StepSize step{plan.patch, batch, precision, true};
  if (plan.local != "gradient") return step;
  step = {0, 1, precision, true};
  for (const Sample& sample : samples) {  // as the cube of the same volume
    const Size3 size = sample.grid.size;
    const double edge =
        std::cbrt(static_cast<double>(spec.PatchFrom(size.x)) * static_cast<double>(spec.PatchFrom(size.y)) *
                  static_cast<double>(spec.PatchFrom(size.z)));
    step.patch = std::max(step.patch, spec.PatchFrom(static_cast<std::int64_t>(std::ceil(edge))));
  }
  return step;
}

void RequireFit(const TrainPlan& plan, const NetworkSpec& spec, const TrainPosition& position) {
  Require(plan.patch % spec.GridFactor() == 0,
          "training: patch = " + std::to_string(plan.patch) + " is not a multiple of " +
              std::to_string(spec.GridFactor()) + ", the grid factor of a network of " +
              std::to_string(spec.features.size()) + " stages",
          "Choose patch and features in the plan so that they fit.");
  Require(position.control == nullptr || (plan.optimizer == "sgd" && plan.momentum == 0 && plan.average == 0),
          "training: SCAFFOLD's control variates are gradients, which momentum, adamw and an average are not",
          "Set train.optimizer = \"sgd\", train.momentum = 0 and train.average = 0 in the plan.");
}

// All that must be the same in every process for one training: not the numbers that rank 0 shares.
Digest TrainingOf(NetworkSpec spec, const Digest& prep, TrainPlan plan, const TrainPosition& position,
                  Precision precision, std::span<const Sample> samples) {
  ConfigPrinter words(Comments::kHide);
  spec.Visit(words);
  plan.Visit(words);
  Sha256 digest;
  digest.Add(words.text() + prep.Hex() + std::string(Name(precision)));
  for (const std::int64_t number : {position.first_step, position.total_steps, static_cast<std::int64_t>(position.seed),
                                    std::int64_t{position.control != nullptr}})
    digest.Add(" " + std::to_string(number));
  AddSamples(samples, digest);
  return digest.Finish();
}

void RequireFinite(double loss, const Parameters& parameters) {
  if (std::isfinite(loss) && parameters.AllFinite()) return;
  throw Error(ErrorCode::kOutOfRange, "training: the loss or the parameters are no longer finite",
              "Lower learning_rate in the plan, or train with precision = float32.");
}

}  // namespace

Trainer::Trainer(const NetworkSpec& network, const PrepPlan& prep, const ComputeOptions& compute,
                 ProcessGroup* processes) {
  network.Validate();
  AtTorchWall(
      "network", [] { return std::string("its parameters do not fit."); },
      [&] { impl_ = std::make_unique<Impl>(network, prep, compute, processes); });
}

Trainer::~Trainer() = default;

TrainOutcome Trainer::Train(const Parameters& start, const OptimizerState& optimizer, std::span<const Sample> samples,
                            const TrainPlan& plan, const TrainPosition& position, std::stop_token stop,
                            const std::function<void(const TrainProgress&)>& progress) {
  Impl& self = *impl_;
  DataParallel together(self.processes);
  plan.Validate();
  const NetworkSpec& spec = self.network->spec();
  RequireFit(plan, spec, position);
  const bool whole = plan.local == "gradient";
  const std::int64_t batch_size = together.Deal(whole ? std::ssize(samples) : plan.batch, whole);
  const Precision precision = PrecisionOn(self.device, plan.precision);
  const StepSize step_size = StepOf(plan, batch_size, spec, samples, precision);
  RequireMemory(spec, step_size, FreeBytes(self.device.device));
  const PatchSampler sampler(samples, plan);
  TrainOutcome outcome;
  const auto memory_words = [&] { return WordsAboutMemory(spec, step_size, FreeBytes(self.device.device)); };
  AtTorchWall("training", memory_words, [&] {
    const TorchScope scope(self.device);
    const std::vector<at::Tensor>& parameters = self.network->tensors();
    LoadParameters(start, spec, parameters, "training starts from a model of another network");
    OptimizerTensors remembered = Remembered(optimizer, spec, plan, parameters);
    const std::vector<at::Tensor> correction = CorrectionOf(position.control, spec, parameters);
    if (!together.alone()) {
      together.Begin(TrainingOf(spec, self.prep_digest, plan, position, precision, samples), parameters, remembered,
                     correction);
    }
    std::vector<SampleTensors> uploaded;
    for (const Sample& sample : samples) uploaded.push_back(Upload(sample, spec.input_channels, self.device.torch));
    if (whole) uploaded = together.Own(std::move(uploaded));
    TrainPlan steps_as = plan;
    if (whole) steps_as.gradient_clip = std::numeric_limits<double>::infinity();  // of the sum, or of none
    Optimizer steps(parameters, remembered, steps_as, correction);
    LossMeter meter(self.device.torch, plan.steps, progress);
    const Call call{plan,       position,
                    precision,  sampler.partly_labelled() ? Labelled::kPartly : Labelled::kWhole,
                    batch_size, std::ssize(samples),
                    stop};
    const double way = self.TakeSteps(call, uploaded, sampler, steps, together, meter);  // sum of the learning rates
    together.End(parameters, remembered);
    outcome.mean_loss = meter.Mean();
    const bool last = position.first_step + plan.steps >= position.total_steps;
    outcome.parameters = SaveParameters(spec, last && plan.average > 0 ? remembered.average : parameters);
    outcome.optimizer = Kept(remembered, spec);
    if (position.control != nullptr) outcome.control = NextControl(*position.control, start, outcome.parameters, way);
    outcome.seconds = meter.Seconds();
  });
  RequireFinite(outcome.mean_loss, outcome.parameters);
  outcome.steps = plan.steps;
  outcome.precision = Name(precision);
  outcome.device = ToString(self.device.device);
  outcome.threads = self.device.threads;
  return outcome;
}

}  // namespace consilium
