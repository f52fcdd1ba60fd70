// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/node.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "core/base/program.h"
#include "learning/evaluate.h"
#include "proto/site.pb.h"
#include "site-node/round/personal.h"

namespace consilium {

LibraryOptions LibraryOptionsOf(const SiteSettings& settings) {
  LibraryOptions options;
  options.roles.validation = settings.validation_fraction;
  options.roles.test = settings.test_fraction;
  options.roles.review = settings.review_fraction;
  options.roles.validation_patients = settings.validation_patients;
  options.roles_file = settings.roles_file;
  options.contours = fmt::format("{}", fmt::join(settings.contours, ","));
  for (const auto& [code, names] : settings.labels) {
    LabelQuery label;
    label.code = ParseCodedConcept(code);
    label.patterns = fmt::format("{}", fmt::join(names, ","));
    options.other_labels.push_back(std::move(label));
  }
  options.sample_bytes = static_cast<std::uint64_t>(settings.sample_quota_mb) << 20;
  return options;
}

LabelQuery LabelQueryOf(const SiteSettings& settings, const CodedConcept& label) {
  const LibraryOptions options = LibraryOptionsOf(settings);
  LabelQuery tumour;
  tumour.patterns = options.contours;
  if (label == tumour.code) return tumour;
  for (const LabelQuery& other : options.other_labels)
    if (label == other.code) return other;
  throw Error(ErrorCode::kFailedPrecondition,
              fmt::format("this site does not say which of its contours the plan's label {} is", label.Text()),
              fmt::format("Name them in site.toml, import again and start the service again: "
                          "labels = {{ \"{}\" = [\"NAME*\"] }}",
                          label.Key()));
}

PredictionQuota PredictionQuotaOf(const SiteSettings& settings) {
  return {settings.keep_predictions, settings.prediction_quota_mb << 20};
}

namespace {

std::filesystem::path TuneFile(const SiteDirectory& place) { return place.root() / "tune.json"; }

// What was left to be tuned when the service stopped; nothing for a file that holds no such thing.
std::optional<EvaluateOrder> LeftToTune(const SiteDirectory& place) {
  if (!std::filesystem::exists(TuneFile(place))) return std::nullopt;
  const auto left = nlohmann::json::parse(ReadTextFile(TuneFile(place)), nullptr, /*allow_exceptions=*/false);
  try {
    EvaluateOrder order;
    order.run = RunId(left.at("run").get<std::string>());
    order.model = Digest::FromHex(left.at("model").get<std::string>());
    order.plan_toml = left.at("plan").get<std::string>();
    return order;
  } catch (const std::exception&) {
    LogWarning("tune.json is damaged; the last model is not tuned for this hospital");
    return std::nullopt;
  }
}

}  // namespace

Node::Node(const SiteDirectory& place, const SiteSettings& settings, const Secret* passphrase, Clock& clock,
           ProcessGroup* processes)
    : place_(place),
      settings_(settings),
      clock_(clock),
      device_(ParseDevice(settings.device)),
      library_(place.root(), LibraryOptionsOf(settings), device_, clock),
      guard_(place.root(), {settings.max_update_norm, settings.min_patients}, clock),
      shelf_(place.models()),
      local_round_(place.root() / "momentum", device_, static_cast<int>(settings.threads), processes),
      predictions_(place.root(), PredictionQuotaOf(settings)),
      readers_(place.readers(), passphrase, clock),
      last_order_(clock.Monotonic()) {
  const SiteCredentials credentials = ReadCredentials(place, passphrase);
  view_.site = settings.site;
  view_.cases = library_.Counts().all();
  view_.studies = OwnCounts().studies;
  view_.activity = "dialling the hub";
  RefillWaiting();
  tune_ = LeftToTune(place);
  const HubLinkOptions link{settings.hub, ProgramVersion(), settings.backoff_first_s, settings.backoff_most_s,
                            std::random_device()()};
  link_ =
      std::make_unique<HubLink>(link, credentials, static_cast<HubListener&>(*this), [this] { return OwnCounts(); });
  panel_ =
      std::make_unique<PanelServer>(static_cast<PanelData&>(*this), readers_, settings.panel_listen, place.socket());
  worker_ = std::jthread([this](std::stop_token stop) { Work(stop); });
}

Node::~Node() {
  worker_.request_stop();
  worker_.join();
  std::lock_guard lock(mutex_);
  const auto gone = std::make_exception_ptr(Error(ErrorCode::kCancelled, "the service is stopping"));
  for (const auto& asked : asked_) asked->answer.set_exception(gone);
  asked_.clear();
}

void Node::OnTrain(const TrainOrder& order) {
  NoteRun(order.id.run, true);
  std::lock_guard lock(mutex_);
  last_order_ = clock_.Monotonic();
  if (job_ == Job::kTraining && job_id_ == order.id && !job_stop_.stop_requested()) return;  // the same, after a cut
  LogInfo("order to train", {{"run", order.id.run}, {"round", order.id.round}, {"model", order.model}});
  if (job_ == Job::kTraining || job_ == Job::kTuning || job_ == Job::kOwnPrediction) job_stop_.request_stop();
  train_ = order;
  tune_.reset();  // the models of the run that goes on take its place
  std::filesystem::remove(TuneFile(place_));
  wake_.notify_all();
}

void Node::OnEvaluate(const EvaluateOrder& order) {
  std::lock_guard lock(mutex_);
  last_order_ = clock_.Monotonic();
  if (job_ == Job::kTuning || job_ == Job::kOwnPrediction) job_stop_.request_stop();
  evaluate_ = order;
  wake_.notify_all();
}

void Node::OnCancel(const CancelOrder& order) {
  std::lock_guard lock(mutex_);
  LogInfo("order cancelled", {{"run", order.run}, {"round", order.round}, {"reason", order.reason}});
  if (train_ && train_->id.run == order.run && train_->id.round == order.round) train_.reset();
  if (job_ == Job::kTraining && job_id_.run == order.run && job_id_.round == order.round) job_stop_.request_stop();
}

void Node::OnVerdict(const UpdateVerdict& verdict) {
  if (verdict.accepted) {
    LogInfo("the hub accepted our update", {{"run", verdict.id.run}, {"round", verdict.id.round}});
  } else {
    LogWarning("the hub refused our update",
               {{"run", verdict.id.run}, {"round", verdict.id.round}, {"reason", verdict.reason}});
  }
}

// Test patients are locked while a run is going on, whoever takes part in it.
void Node::NoteRun(const RunId& run, bool active) {
  const bool was_locked = library_.TestLocked().has_value();
  active ? library_.RunIsActive(run) : library_.RunHasEnded(run);
  if (was_locked && !library_.TestLocked()) RefillWaiting();
}

void Node::OnState(const std::string& federation_state) {
  v1::FederationState state;
  if (state.ParseFromString(federation_state) && state.has_run() && !state.run().run().empty()) {
    const std::string& phase = state.run().phase();
    const std::pair<std::string, bool> now{state.run().run(),
                                           phase != "done" && phase != "failed" && phase != "aborted"};
    if (now != run_noted_) NoteRun(RunId(now.first), now.second);
    run_noted_ = now;
  }
  std::lock_guard lock(mutex_);
  view_.federation_state = federation_state;
  ++view_.revision;
  changed_.notify_all();
}

void Node::OnConnection(bool connected, const std::string& why_not) {
  std::lock_guard lock(mutex_);
  if (view_.hub_connected == connected && connected) return;
  view_.hub_connected = connected;
  if (job_ == Job::kNone) view_.activity = connected ? "waiting for the hub's next order" : why_not;
  ++view_.revision;
  changed_.notify_all();
}

void Node::Say(const std::string& activity) {
  std::lock_guard lock(mutex_);
  view_.activity = activity;
  ++view_.revision;
  changed_.notify_all();
}

void Node::Begin(Job job, const SubmissionId& id) {
  job_ = job;
  job_id_ = id;
  job_stop_ = std::stop_source();
}

void Node::Work(std::stop_token stop) {
  const std::stop_callback stop_job(stop, [this] {
    std::lock_guard lock(mutex_);
    job_stop_.request_stop();
  });
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto quiet = last_order_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                         std::chrono::duration<double>(settings_.predict_after_quiet_s));
    const auto run = [&](Job job, const SubmissionId& id, const auto& body) {
      Begin(job, id);
      if (stop.stop_requested()) job_stop_.request_stop();
      const std::stop_token job_stop = job_stop_.get_token();
      lock.unlock();
      body(job_stop);
      lock.lock();
      Begin(Job::kNone, {});
      view_.activity = view_.hub_connected ? "waiting for the hub's next order" : "no connection to the hub";
      view_.predictions_waiting = std::ssize(waiting_);
      ++view_.revision;
      changed_.notify_all();
    };
    if (train_) {
      const TrainOrder order = *std::exchange(train_, std::nullopt);
      run(Job::kTraining, order.id, [&](std::stop_token job_stop) { Train(order, job_stop); });
    } else if (evaluate_) {
      const EvaluateOrder order = *std::exchange(evaluate_, std::nullopt);
      run(Job::kEvaluating, {}, [&](std::stop_token job_stop) { Evaluate(order, job_stop); });
    } else if (!asked_.empty()) {
      const auto asked = asked_.front();
      asked_.pop_front();
      run(Job::kAskedPrediction, {}, [&](std::stop_token job_stop) { PredictAsked(*asked, job_stop); });
    } else if (tune_) {
      const EvaluateOrder order = *std::exchange(tune_, std::nullopt);
      run(Job::kTuning, {}, [&](std::stop_token job_stop) { Tune(order, job_stop); });
    } else if (!waiting_.empty() && clock_.Monotonic() >= quiet) {
      const CaseId id = waiting_.front();
      waiting_.pop_front();
      run(Job::kOwnPrediction, {}, [&](std::stop_token job_stop) { PredictOne(id, job_stop); });
    } else {
      const auto some = [&] { return train_ || evaluate_ || tune_ || !asked_.empty(); };
      if (waiting_.empty()) {
        wake_.wait(lock, stop, [&] { return some() || !waiting_.empty(); });
      } else {
        wake_.wait_until(lock, stop, quiet, some);
      }
    }
  }
}

std::shared_ptr<const GlobalModel> Node::FetchModel(const RunId& run, RoundNumber round, std::int64_t attempt,
                                                    const Digest& digest, std::uint64_t bytes, std::stop_token stop) {
  return shelf_.Get(digest, [&](const std::filesystem::path& to) {
    Say(fmt::format("fetching the model of round {}", round.value()));
    link_->Report(run, round, attempt, Stage::kDownloading, 0);
    link_->Download(digest, bytes, to, stop);
  });
}

const Node::PreparedPatients& Node::Prepare(const PrepPlan& plan, const LabelQuery& label, std::stop_token stop) {
  const Digest prep = plan.digest();
  const std::int64_t generation = library_.Generation();
  if (prepared_.prep != prep || prepared_.label != label || prepared_.generation != generation) {
    Say("preparing patients");
    prepared_ = {};
    prepared_.training = library_.Prepared(CaseRole::kTraining, plan, label, stop);
    prepared_.validation = library_.Prepared(CaseRole::kValidation, plan, label, stop);
    prepared_.prep = prep;
    prepared_.label = label;
    prepared_.generation = generation;
  }
  return prepared_;
}

// From the order to a sealed update; `step` says where it was when it threw.
SealedUpdate Node::Learn(const TrainOrder& order, std::stop_token stop, OrderStep& step) {
  const RunId& run = order.id.run;
  const RoundNumber round = order.id.round;
  const RunPlan plan = ParseRunPlan(order.plan_toml, "the plan of run " + run.text());
  const LabelQuery label = LabelQueryOf(settings_, plan.Label());
  const auto model = FetchModel(run, round, order.id.attempt, order.model, order.model_bytes, stop);
  RequireModelFitsPlan(*model, plan);
  BecameCurrent(*model);

  step = OrderStep::kData;
  const PreparedPatients& patients = Prepare(plan.prep, label, stop);
  if (patients.training.samples.empty()) {
    step = OrderStep::kModel;
    throw Error(ErrorCode::kFailedPrecondition, "this site has no training patients");
  }
  step = OrderStep::kTraining;
  const LocalTask task{
      order.id, plan, *model, patients.training.samples, patients.training.patients, patients.validation.samples};
  const ModelUpdate update = local_round_.Run(task, stop, [&](LocalStage stage, double fraction) {
    const bool training = stage == LocalStage::kTraining;
    Say(fmt::format("{} round {} ({:.0f} %)", training ? "training" : "evaluating", round.value(), 100 * fraction));
    link_->Report(run, round, order.id.attempt, training ? Stage::kTraining : Stage::kEvaluating, fraction);
  });
  step = OrderStep::kLeaving;
  return guard_.Seal(update, model->parameters, plan.aggregation.max_update_norm);
}

void Node::Train(const TrainOrder& order, std::stop_token stop) {
  OrderStep step = OrderStep::kModel;
  std::optional<Error> failed;
  try {
    std::optional<SealedUpdate> sealed =
        guard_.Find(order.id, order.model);  // learnt before a restart: sent, not learnt again
    if (!sealed) sealed = Learn(order, stop, step);
    step = OrderStep::kLeaving;
    Say(fmt::format("sending our update of round {}", order.id.round.value()));
    link_->Report(order.id.run, order.id.round, order.id.attempt, Stage::kUploading, 0);
    link_->Send(*sealed, stop);
    guard_.Acknowledged(*sealed);
    LogInfo("update sent", {{"run", order.id.run}, {"round", order.id.round}, {"digest", sealed->digest()}});
    return;
  } catch (const Error& error) {
    failed = error;
  } catch (const std::exception& error) {
    failed = Error(ErrorCode::kInternal, error.what());
  }
  if (stop.stop_requested()) {
    LogInfo("training stopped", {{"run", order.id.run}, {"round", order.id.round}});
    return;
  }
  const std::string words = OutwardWords(step, *failed);
  LogError("order not carried out", {{"run", order.id.run}, {"round", order.id.round}, {"reason", words}});
  link_->Refuse(order.id.run, order.id.round, order.id.attempt, words);
}

void Node::Evaluate(const EvaluateOrder& order, std::stop_token stop) {
  OrderStep step = OrderStep::kModel;
  std::optional<Error> failed;
  RoundNumber round;  // that made the model
  try {
    const RunPlan plan = ParseRunPlan(order.plan_toml, "the plan of run " + order.run.text());
    const LabelQuery label = LabelQueryOf(settings_, plan.Label());
    round = RoundNumber(plan.rounds);
    const auto model = FetchModel(order.run, round, 0, order.model, order.model_bytes, stop);
    round = RoundNumber(model->card.version.value());
    RequireModelFitsPlan(*model, plan);
    BecameCurrent(*model);
    step = OrderStep::kData;
    const PreparedPatients& patients = Prepare(plan.prep, label, stop);
    step = OrderStep::kTraining;
    Say("measuring the last model");
    DiceSummary dice;
    if (!patients.validation.samples.empty()) {
      Predictor predictor(plan.network, plan.prep, local_round_.own().In(*model),
                          {device_, static_cast<int>(settings_.threads), plan.train.precision});
      dice = consilium::Evaluate(predictor, patients.validation.samples, {.patch = plan.train.patch}, stop);
    }
    LogInfo("measured the last model", {{"run", order.run}, {"dice", dice.Mean()}, {"cases", dice.cases}});
    link_->Evaluated(order.run, order.model, dice);
    if (plan.personal.steps > 0 && !patients.training.samples.empty()) TuneLater(order);
    return;
  } catch (const Error& error) {
    failed = error;
  } catch (const std::exception& error) {
    failed = Error(ErrorCode::kInternal, error.what());
  }
  if (stop.stop_requested()) return;
  const std::string words = OutwardWords(step, *failed);
  LogError("the last model could not be measured", {{"run", order.run}, {"reason", words}});
  link_->Refuse(order.run, round, 0, words);
}

// Kept on disk, so that a service that is stopped meanwhile comes back to it.
void Node::TuneLater(const EvaluateOrder& order) {
  WriteFileDurably(
      TuneFile(place_),
      nlohmann::json{{"run", order.run.text()}, {"model", order.model.Hex()}, {"plan", order.plan_toml}}.dump());
  std::lock_guard lock(mutex_);
  tune_ = order;
}

void Node::Tune(const EvaluateOrder& order, std::stop_token stop) {
  try {
    const RunPlan plan = ParseRunPlan(order.plan_toml, "the plan of run " + order.run.text());
    const auto model = shelf_.Get(order.model);
    const PreparedPatients& patients = Prepare(plan.prep, LabelQueryOf(settings_, plan.Label()), stop);
    const Personal tuned = TuneForItself(
        plan, SiteId(settings_.site), local_round_.own().In(*model), patients.training.samples,
        patients.validation.samples, {device_, static_cast<int>(settings_.threads), plan.train.precision}, stop,
        [this](double share) { Say(fmt::format("tuning the last model for this hospital ({:.0f} %)", 100 * share)); });
    LogInfo(tuned.Better() ? "tuned the last model for this hospital"
                           : "the last model stays as it is: tuned here it is no better on this hospital's validation "
                             "patients",
            {{"run", order.run},
             {"dice", tuned.before.Mean()},
             {"dice_tuned", tuned.after.Mean()},
             {"cases", tuned.after.cases}});
    const std::optional<Digest> current = shelf_.Current();
    const bool newest = current && (*current == model->digest || shelf_.Get(*current)->card.parent == model->digest);
    if (tuned.Better() && newest) {
      shelf_.MakeCurrent(shelf_.Put(OwnVersion(*model, tuned.parameters)));
      RefillWaiting();
    }
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const Error*>(&error);
    if (stop.stop_requested()) {
      std::lock_guard lock(mutex_);
      if (!train_) tune_ = order;
      return;
    }
    LogError("the last model could not be tuned for this hospital",
             {{"run", order.run}, {"code", known ? Name(known->code()) : std::string_view("internal")}});
  }
  std::filesystem::remove(TuneFile(place_));
}

}  // namespace consilium
