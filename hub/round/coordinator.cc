// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/round/coordinator.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/round/plan_card.h"
#include "hub/aggregate/aggregator.h"
#include "hub/aggregate/next_model.h"
#include "hub/plain_words.h"
#include "proto/codec.h"

namespace consilium {
namespace {

constexpr std::size_t kLongestReason = 300;  // bytes of a site's words, or of words about its update

constexpr int kMostTries = 20;             // with a minute between them: about a quarter of an hour
constexpr std::int64_t kLongestWait = 60;  // times the first one

// A failure that the same work would meet again. A full disk gets room, and what is no Error nobody knows.
bool Stays(const std::exception& failure) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  return error != nullptr && error->code() != ErrorCode::kResourceExhausted &&
         error->code() != ErrorCode::kUnavailable && error->code() != ErrorCode::kInternal;
}

double Seconds(std::chrono::milliseconds span) { return static_cast<double>(span.count()) / 1000; }

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(seconds, 1e9) * 1000));
}

v1::HubMessage VerdictMessage(const SubmissionId& id, bool accepted, const std::string& reason) {
  v1::HubMessage message;
  v1::Verdict& verdict = *message.mutable_verdict();
  verdict.set_run(id.run.text());
  verdict.set_round(id.round.value());
  verdict.set_attempt(id.attempt);
  verdict.set_accepted(accepted);
  verdict.set_reason(reason);
  return message;
}

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

Coordinator::Coordinator(CoordinatorParts parts, CoordinatorPorts ports)
    : parts_(std::move(parts)), ports_(std::move(ports)), intake_(parts_.spool, parts_.audit) {}

void Coordinator::Resume(std::chrono::milliseconds grace) {
  const auto newest = parts_.runs.Newest();
  if (!newest) return;
  const auto stored = parts_.runs.Find(*newest);
  Ensure(stored.has_value(), "the newest run is stored");
  Adopt(StartRun(stored->plan, stored->run, stored->first_model), stored->started);
  for (const StoredEvent& event : parts_.runs.Events(*newest)) {
    if (const auto* there = std::get_if<SiteConnected>(&event.event)) {
      declared_[there->site] = std::max(declared_[there->site], there->training_patients);
    }
    Adopt(Advance(*state_, event.event).state, event.time);
  }
  traffic_ = parts_.runs.TrafficOf(*newest);
  plan_toml_ = ToToml(stored->plan);
  intake_.Begin(stored->plan);
  if (!Running()) return parts_.spool.RemoveRun(state_->run);
  LogInfo("a run goes on after a restart", {{"run", state_->run}, {"round", state_->round}});
  for (const auto& [site, in_run] : state_->sites) {
    if (in_run.connected) awaited_.insert(site);
  }
  Feed(HubRestarted{});
  for (const Submission& submission : parts_.spool.Complete(state_->run)) JudgeLater(submission.id);
  const auto grace_over = [this] {
    while (!awaited_.empty()) {
      const SiteId site = *awaited_.begin();
      SiteIsLost(site);
      awaited_.erase(site);
    }
    MakeHeld();
  };
  parts_.loop.After(grace, [this, grace_over] { Try(grace_over, nullptr); });
}

RunId Coordinator::Start(const RunPlan& plan, const std::optional<GlobalModel>& first,
                         const std::map<SiteId, std::int64_t>& connected) {
  if (Running()) {
    throw Error(ErrorCode::kFailedPrecondition, "run " + state_->run.text() + " is still going on",
                "Wait for its end, or stop it: consilium-hub run abort " + state_->run.text());
  }
  plan.Validate();
  (void)MakeAggregator(plan.aggregation);
  const RunId run = parts_.runs.NextRunId(plan.name);
  const Digest model = FirstModel(plan, run, first);
  const StoredRun stored{run, plan, model, parts_.clock.Wall()};
  Transaction transaction(parts_.database);
  parts_.runs.AddRun(stored);
  parts_.audit.Add("hub", "start run", run.text(), "first model " + model.Hex());
  transaction.Commit();
  traffic_.clear();
  declared_.clear();
  round_began_ = stored.started;
  plan_toml_ = ToToml(plan);
  intake_.Begin(plan);
  Adopt(StartRun(plan, run, model), stored.started);
  auto left = connected.size();
  for (const auto& [site, patients] : connected) {  // all of them before the first order
    declared_[site] = patients;
    Feed(SiteConnected{site, patients, --left > 0});
  }
  ports_.changed();
  return run;
}

Digest Coordinator::FirstModel(const RunPlan& plan, const RunId& run, const std::optional<GlobalModel>& first) {
  ModelCard card = CardOf(plan);
  card.federation = parts_.federation;
  card.run = run;
  if (!first) return parts_.models.Put(SerializeModel(card, InitialParameters(plan.network, card.seed)));
  Require(first->card.network == plan.network, "the given model is another network than the plan's",
          "Make the plan's [network] the model's, or give another model: consilium inspect FILE shows it.");
  Require(first->card.prep.digest() == plan.prep.digest(),
          "the given model was trained on data prepared by another plan",
          "Make the plan's [prep] the model's: consilium inspect FILE shows it.");
  Require(first->card.Label() == plan.Label(),
          "the given model finds " + first->card.Label().Text() + ", the plan asks for " + plan.Label().Text(),
          "Make the plan's `labels` the model's, or give another model.");
  card.parent = first->digest;
  return parts_.models.Put(SerializeModel(card, first->parameters));
}

void Coordinator::Abort(const RunId& run, const std::string& reason) {
  if (!Running() || (!run.empty() && run != state_->run)) {
    throw Error(ErrorCode::kFailedPrecondition,
                run.empty() ? std::string("no run is going on") : "run " + run.text() + " is not going on",
                "See: consilium-hub run show");
  }
  Feed(AbortAsked{reason}, [&] { parts_.audit.Add("hub", "abort run", state_->run.text(), reason); });
}

void Coordinator::SiteIsThere(const SiteId& site, std::int64_t training_patients) {
  if (!Running()) return;
  const auto known = state_->sites.find(site);
  const bool short_cut = known != state_->sites.end() && known->second.connected;
  DataChanged(site, training_patients);
  if (short_cut) ResendOpenOrder(site);
  awaited_.erase(site);
  if (awaited_.empty()) MakeHeld();
}

void Coordinator::DataChanged(const SiteId& site, std::int64_t training_patients) {
  if (!Running()) return;
  declared_[site] = std::max(declared_[site], training_patients);
  Feed(SiteConnected{site, training_patients});
}

// For a site whose stream was cut and is back before its grace was over: the run has not noticed.
void Coordinator::ResendOpenOrder(const SiteId& site) {
  if (!Running() || !state_->ordered.contains(site)) return;
  const SiteInRun& in_run = state_->sites.at(site);
  if (in_run.progress == SiteProgress::kAccepted || in_run.progress == SiteProgress::kRejected) return;
  if (state_->phase == RunPhase::kTraining) Order({site, state_->round, state_->attempt, state_->model});
  if (state_->phase == RunPhase::kFinishing && !in_run.final_dice) Evaluate({site, state_->model});
}

void Coordinator::SiteIsLost(const SiteId& site) {
  if (Running()) Feed(SiteDisconnected{site});
}

void Coordinator::SiteIsShut(const SiteId& site) {
  SiteIsLost(site);  // first, so that a round which is repeated for want of it is not ordered from it
  if (Running()) Feed(SiteRefused{site, state_->round, ports_.shut_out(site), state_->attempt});
}

void Coordinator::Progressed(const SiteId& site, const v1::Progress& progress) {
  if (!Running() || progress.run() != state_->run.text()) return;
  const bool uploading = progress.stage() == v1::Progress::STAGE_UPLOADING;
  Feed(SiteReported{site, RoundNumber(progress.round()), uploading ? SiteProgress::kUploading : SiteProgress::kTraining,
                    progress.fraction() > 0 ? std::min(progress.fraction(), 1.0) : 0,  // 0 for not a number
                    progress.has_attempt() ? progress.attempt() : kAnyAttempt});
}

void Coordinator::Refused(const SiteId& site, const v1::Refusal& refusal) {
  if (!Running() || refusal.run() != state_->run.text()) return;
  const std::string reason = PlainWords(refusal.reason(), kLongestReason);
  LogWarning("a site refused an order", {{"site", site}, {"round", refusal.round()}, {"reason", reason}});
  Feed(
      SiteRefused{site, RoundNumber(refusal.round()), reason, refusal.has_attempt() ? refusal.attempt() : kAnyAttempt});
}

void Coordinator::Evaluated(const SiteId& site, const v1::Evaluation& evaluation) {
  if (!Running() || evaluation.run() != state_->run.text()) return;
  Feed(FinalEvaluated{site, DigestFromBytes(evaluation.model(), "an evaluation"), DiceFromMessage(evaluation)});
}

v1::UploadState Coordinator::Offer(const SiteId& site, const v1::UploadHeader& header) {
  const SubmissionId id = SubmissionFromMessage(header, site);
  RequireMember(site);
  const v1::UploadState answer = intake_.Offer(state_ ? &*state_ : nullptr, id, header);
  // The same submission again gets the same verdict again: the first one may have been lost on its way.
  const auto known = parts_.spool.Find(id);
  if (known->state == Submission::State::kComplete) JudgeLater(id);
  if (known->state == Submission::State::kAccepted) ports_.send(site, VerdictMessage(id, true, {}));
  if (known->state == Submission::State::kRejected) ports_.send(site, VerdictMessage(id, false, known->reason));
  return answer;
}

v1::UploadState Coordinator::Store(const SiteId& site, const v1::UploadHeader& header, const v1::Chunk& chunk) {
  const SubmissionId id = SubmissionFromMessage(header, site);
  RequireMember(site);
  const bool finished = intake_.Store(state_ ? &*state_ : nullptr, id, chunk);
  if (state_ && id.run == state_->run) traffic_[id.round].up += chunk.data().size();
  if (finished) JudgeLater(id);
  v1::UploadState answer;
  answer.set_offset(chunk.offset() + chunk.data().size());
  answer.set_complete(finished || parts_.spool.Find(id)->state != Submission::State::kArriving);
  return answer;
}

// A call that began before its site was shut out goes on; its update must not.
void Coordinator::RequireMember(const SiteId& site) const {
  const std::string why = ports_.shut_out(site);
  if (!why.empty()) throw Error(ErrorCode::kPermissionDenied, why, "Call the hub's administrator.");
}

void Coordinator::CountDown(std::uint64_t bytes) {
  if (state_) traffic_[state_->round].down += bytes;
}

double Coordinator::SecondsInRound() const {
  return Running() ? std::max(0.0, Seconds(parts_.clock.Wall() - round_began_)) : 0;
}

// Does `work`. While it fails for want of room or by something unknown it is done again by a timer, so often; then, or
// at once after a failure that stays, `give_up` is done in its place. What has no `give_up` is done until it is done:
// work looks for itself whether it is still wanted.
void Coordinator::Try(Work work, GiveUp give_up, int tries) {
  std::string why;
  try {
    return work();
  } catch (const std::exception& error) {
    why = error.what();
    LogError("a step of the run failed", {{"run", state_->run}, {"error", why}, {"tries", tries + 1}});
    if (give_up && (Stays(error) || tries + 1 >= kMostTries)) {
      return Try([give_up, why] { give_up(why); }, nullptr);
    }
  }
  const auto delay = parts_.retry_after * std::min(kLongestWait, std::int64_t{1} << std::min(tries, 10));
  parts_.loop.After(
      delay, [this, work = std::move(work), give_up = std::move(give_up), tries] { Try(work, give_up, tries + 1); });
}

// The event is durable before anything that follows from it happens; after a crash in between, HubRestarted asks again.
void Coordinator::Feed(const RunEvent& event, const std::function<void()>& also) {
  Transition next = Advance(*state_, event);
  const bool nothing = next.state == *state_ && next.actions.empty();
  const WallTime now = parts_.clock.Wall();
  if ((!nothing && !std::holds_alternative<SiteReported>(event)) || also) {
    Transaction transaction(parts_.database);
    if (!nothing) parts_.runs.AddEvent(state_->run, {now, event});
    if (also) also();
    for (const RoundNumber round : {state_->round, next.state.round}) {
      if (traffic_.contains(round)) parts_.runs.SetTraffic(state_->run, round, traffic_[round]);
    }
    transaction.Commit();
  }
  if (nothing) return;
  Adopt(std::move(next.state), now);
  for (const RunAction& action : next.actions) CarryOrLog(action);
  ports_.changed();
}

void Coordinator::Adopt(RunState next, WallTime time) {
  if (!state_ || state_->run != next.run || next.round != state_->round || next.phase == RunPhase::kFinishing) {
    round_began_ = time;
  }
  state_ = std::move(next);
}

// The run's state is stored already: an action that fails must not keep the next ones back. A site that missed its
// order gets it at its next session, or the deadline closes the round without it.
void Coordinator::CarryOrLog(const RunAction& action) {
  try {
    Carry(action);
  } catch (const std::exception& error) {
    LogError("an action of the run failed", {{"run", state_->run}, {"error", error.what()}});
  }
}

void Coordinator::Carry(const RunAction& action) {
  std::visit(Overloaded{
                 [&](const OrderTraining& order) { Order(order); },
                 [&](const OrderEvaluation& order) { Evaluate(order); },
                 [&](const SetDeadline& deadline) { Arm(deadline); },
                 [&](const Aggregate& aggregate) {
                   held_ = aggregate;
                   if (awaited_.empty()) MakeHeld();
                 },
                 [&](const CancelTraining& cancel) {
                   v1::HubMessage message;
                   message.mutable_cancel()->set_run(state_->run.text());
                   message.mutable_cancel()->set_round(cancel.round.value());
                   message.mutable_cancel()->set_reason(state_->reason);
                   ports_.send(cancel.site, std::move(message));
                 },
                 [&](const RunEnded&) { End(); },
             },
             action);
}

void Coordinator::Order(const OrderTraining& order) {
  v1::HubMessage message;
  v1::TrainOrder& train = *message.mutable_train();
  train.set_run(state_->run.text());
  train.set_round(order.round.value());
  train.set_attempt(order.attempt);
  train.set_model(ToBytes(order.model));
  train.set_model_bytes(std::filesystem::file_size(parts_.models.PathOf(order.model)));
  train.set_plan_toml(plan_toml_);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  train.set_seconds_left(left.count() > 0 ? Seconds(left) : state_->plan.round.deadline_s);
  ports_.send(order.site, std::move(message));
}

void Coordinator::Evaluate(const OrderEvaluation& order) {
  v1::HubMessage message;
  v1::EvaluateOrder& evaluate = *message.mutable_evaluate();
  evaluate.set_run(state_->run.text());
  evaluate.set_model(ToBytes(order.model));
  evaluate.set_model_bytes(std::filesystem::file_size(parts_.models.PathOf(order.model)));
  evaluate.set_plan_toml(plan_toml_);
  ports_.send(order.site, std::move(message));
}

void Coordinator::Arm(const SetDeadline& deadline) {
  deadline_ = std::chrono::steady_clock::now() + Milliseconds(deadline.seconds);
  const auto passed = [this, deadline, run = state_->run] {
    if (Running() && state_->run == run) Feed(DeadlinePassed{deadline.round, deadline.attempt});
  };
  parts_.loop.After(Milliseconds(deadline.seconds), [this, passed] { Try(passed, nullptr); });
}

void Coordinator::MakeHeld() {
  if (!held_) return;
  const auto make = [this, aggregate = *std::exchange(held_, std::nullopt), run = state_->run] {
    if (Running() && state_->run == run) Make(aggregate);
  };
  const auto give_up = [this, run = state_->run, round = state_->round](const std::string& why) {
    if (!Running() || state_->run != run) return;
    Feed(AbortAsked{"round " + std::to_string(round.value()) + " cannot be averaged: " + why});
  };
  parts_.loop.Post([this, make, give_up] { Try(make, give_up); });
}

void Coordinator::Make(const Aggregate& aggregate) {
  if (state_->phase != RunPhase::kAggregating || state_->round != aggregate.round) return;
  const GlobalModel base = ParseModel(parts_.models.Get(aggregate.base), "the global model");
  const NextModel next =
      MakeNextModel(*state_, aggregate, base, [this](const SubmissionId& id) { return parts_.spool.PathOf(id); });
  const Digest model = parts_.models.Put(SerializeModel(next.card, next.parameters));
  Feed(ModelMade{aggregate.round, model, Seconds(parts_.clock.Wall() - round_began_)}, [&] {
    parts_.audit.Add("hub", "make model", state_->run.text() + "/" + std::to_string(aggregate.round.value()),
                     model.Hex());
  });
  for (const AcceptedUpdate& accepted : aggregate.updates) parts_.spool.RemoveFile(accepted.id);
}

void Coordinator::JudgeLater(const SubmissionId& id) {
  const auto give_up = [this, id](const std::string& why) {
    Settle(id, {false, "the hub could not judge it: " + PlainWords(why, kLongestReason), {}});
  };
  parts_.loop.Post([this, id, give_up] { Try([this, id] { Judge(id); }, give_up); });
}

void Coordinator::Judge(const SubmissionId& id) {
  const auto submission = parts_.spool.Find(id);
  if (!submission || submission->state != Submission::State::kComplete || !state_ || state_->run != id.run) return;
  Verdict verdict;
  if (!Running() || state_->phase != RunPhase::kTraining || state_->round != id.round ||
      state_->attempt != id.attempt) {
    verdict.reason = "the round closed before the update was judged";
  } else if (std::string why = ports_.shut_out(id.site); !why.empty()) {
    verdict.reason = std::move(why);
  } else {
    verdict = intake_.Judge(*state_, *submission, declared_[id.site]);
    verdict.reason = PlainWords(verdict.reason, kLongestReason);  // it may quote the update
  }
  Settle(id, verdict);
}

void Coordinator::Settle(const SubmissionId& id, const Verdict& verdict) {
  const auto submission = parts_.spool.Find(id);
  if (!submission || submission->state != Submission::State::kComplete || !state_ || state_->run != id.run) return;
  Feed(UpdateJudged{{id, submission->digest, verdict.metrics}, verdict.accepted, verdict.reason}, [&] {
    parts_.spool.Judge(id, verdict.accepted, verdict.reason);
    parts_.audit.Add("hub", verdict.accepted ? "accept update" : "refuse update", id.Text(),
                     verdict.accepted ? submission->digest.Hex() : verdict.reason);
  });
  if (!verdict.accepted) {
    LogWarning("an update is refused", {{"site", id.site}, {"round", id.round}, {"reason", verdict.reason}});
    parts_.spool.RemoveFile(id);
  }
  ports_.send(id.site, VerdictMessage(id, verdict.accepted, verdict.reason));
}

void Coordinator::End() {
  awaited_.clear();  // nobody is waited for any more: the next run begins without what this one remembered
  held_.reset();
  parts_.audit.Add("hub", "end run", state_->run.text(), std::string(Name(state_->phase)) + " " + state_->reason);
  parts_.spool.RemoveRun(state_->run);
}

}  // namespace consilium
