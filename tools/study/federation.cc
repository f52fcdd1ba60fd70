// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/federation.h"

#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/round/plan_card.h"
#include "core/round/round_state.h"
#include "core/round/run_journal.h"
#include "hub/aggregate/aggregator.h"
#include "hub/aggregate/next_model.h"
#include "hub/screen/screener.h"
#include "hub/store/spooled_update.h"
#include "site-node/privacy/privacy_guard.h"
#include "site-node/round/local_round.h"
#include "site-node/round/personal.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

// Runs job(0) .. job(count - 1) on `threads` threads; the first failure stops the rest and is thrown.
void SideBySide(std::size_t count, int threads, const std::function<void(std::size_t)>& job) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < threads; ++i) {
      pool.emplace_back([&] {
        for (std::size_t at = next++; at < count; at = next++) {
          try {
            job(at);
          } catch (const std::exception&) {
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
            next = count;
          }
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

// What stays with one hospital from round to round.
struct Hospital {
  SiteId site;
  std::vector<Sample> training, validation;
  std::unique_ptr<LocalRound> round;
  std::unique_ptr<PrivacyGuard> guard;
};

// The hub's half and the hospitals' of one run. RunState says what is next; this carries it out.
class Run {
 public:
  Run(const RunPlan& plan, std::span<const Cohort> cohorts, const FederationOptions& options)
      : plan_(plan), options_(options) {
    if (!options.go_on) fs::remove_all(options.dir);
    for (const Cohort& cohort : cohorts) {
      const fs::path dir = options.dir / cohort.site;
      fs::create_directories(dir);
      Hospital hospital{SiteId(cohort.site), {}, {}, nullptr, nullptr};
      for (const StudyPatient& patient : cohort.training) hospital.training.push_back(patient.sample);
      if (plan.target_dice > 0 || plan.patience > 0 || plan.predict.components == "validation" ||
          plan.personal.steps > 0) {
        for (const StudyPatient& patient : cohort.validation) hospital.validation.push_back(patient.sample);
      }
      hospital.round = std::make_unique<LocalRound>(dir / "momentum", Device{}, 1);
      hospital.guard = std::make_unique<PrivacyGuard>(dir, EgressLimits{}, SystemClock());
      hospitals_.push_back(std::move(hospital));
    }
    ModelCard card = CardOf(plan);
    card.federation = options.federation;
    card.run = options.run;
    model_ = ParseModel(SerializeModel(card, InitialParameters(plan.network, card.seed)), "the first model");
    state_ = StartRun(plan, options.run, model_.digest);
    if (fs::exists(JournalFile())) {
      GoOn();
      return;
    }
    std::size_t left = hospitals_.size();
    for (const Hospital& hospital : hospitals_)
      Feed(SiteConnected{hospital.site, std::ssize(hospital.training), --left > 0});
  }

  SimulatedFederation ToTheEnd(const std::function<void(std::int64_t, double)>& progress, std::stop_token stop) {
    SimulatedFederation result;
    while (!state_.ended()) {
      if (actions_.empty() && state_.phase == RunPhase::kWaiting) {
        throw Error(ErrorCode::kFailedPrecondition, "the run cannot begin: " + MissingSites(state_),
                    "Give more patients, or lower eligibility.min_patients and min_sites in the plan.");
      }
      if (actions_.empty()) Feed(DeadlinePassed{state_.round, state_.attempt});  // nobody is left to wait for
      CarryOut(progress, stop);
    }
    if (state_.phase != RunPhase::kDone)
      throw Error(ErrorCode::kFailedPrecondition, "the run failed: " + state_.reason);
    for (const RoundRecord& round : state_.history) result.loss.push_back(round.loss);
    if (HasOwnVersions(plan_)) result.own = OwnVersions(stop);
    result.model = std::move(model_);
    result.update_bytes = update_bytes_;
    result.seconds = Seconds();
    return result;
  }

 private:
  std::vector<Parameters> OwnVersions(const std::stop_token& stop) {
    std::vector<Parameters> own(hospitals_.size());
    SideBySide(own.size(), options_.threads, [&](std::size_t i) {
      const Hospital& hospital = hospitals_[i];
      own[i] = hospital.round->own().In(model_);
      if (plan_.personal.steps == 0) return;
      Personal tuned = TuneForItself(plan_, hospital.site, own[i], hospital.training, hospital.validation,
                                     {Device{}, 1, plan_.train.precision}, stop);
      if (tuned.Better()) own[i] = std::move(tuned.parameters);
    });
    return own;
  }

  void Feed(const RunEvent& event) {
    events_.push_back(ToJson(event));
    Transition next = Advance(std::move(state_), event);
    state_ = std::move(next.state);
    for (RunAction& action : next.actions) actions_.push_back(std::move(action));
  }

  double Seconds() const {
    return before_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

  fs::path JournalFile() const { return options_.dir / "journal.jsonl"; }
  fs::path ModelFile() const { return options_.dir / (std::to_string(state_.history.size()) + ".safetensors"); }

  // After each round: the model, then all that happened. A stop between both leaves the round before.
  void Keep(std::span<const std::byte> model) {
    WriteFileDurably(ModelFile(), model);
    const nlohmann::json head{{"plan", DigestOf(plan_).Hex()}, {"seconds", Seconds()}, {"update_bytes", update_bytes_}};
    std::string lines = head.dump() + "\n";
    for (const std::string& event : events_) lines += event + "\n";
    WriteFileDurably(JournalFile(), lines);
    fs::remove(options_.dir / (std::to_string(state_.history.size() - 1) + ".safetensors"));
  }

  // What was kept, once more through RunState. Only what the last event asks for is still to be done.
  void GoOn() {
    std::istringstream lines(ReadTextFile(JournalFile(), std::uint64_t{1} << 30));
    std::string line;
    std::getline(lines, line);
    const nlohmann::json head = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!head.is_object() || head.value("plan", "") != DigestOf(plan_).Hex()) {
      throw Error(ErrorCode::kFailedPrecondition, options_.dir.string() + " holds a federation of another plan",
                  "Give another folder, or remove this one.");
    }
    before_ = head.value("seconds", 0.0);
    update_bytes_ = head.value("update_bytes", std::int64_t{0});
    while (std::getline(lines, line)) {
      actions_.clear();
      Feed(RunEventFromJson(line));
    }
    model_ = ReadModelFile(ModelFile());
    Require(model_.digest == state_.model, ModelFile().string() + " is not the model of its round",
            "Remove the folder; the federation then begins anew.");
  }

  // What is asked for now; then all orders of training together.
  void CarryOut(const std::function<void(std::int64_t, double)>& progress, const std::stop_token& stop) {
    std::vector<OrderTraining> orders;
    while (!actions_.empty()) {
      const RunAction action = std::move(actions_.front());
      actions_.pop_front();
      if (const auto* order = std::get_if<OrderTraining>(&action)) orders.push_back(*order);
      if (const auto* sum = std::get_if<Aggregate>(&action)) {
        Average(*sum);
        if (progress) progress(std::ssize(state_.history), state_.history.back().loss);
      }
      // How good the last model is the study measures itself, on patients of its own choice.
      if (const auto* order = std::get_if<OrderEvaluation>(&action))
        Feed(SiteRefused{order->site, state_.round, "a study measures the model itself", 0});
    }
    Train(orders, stop);
  }

  void Train(const std::vector<OrderTraining>& orders, const std::stop_token& stop) {
    std::vector<std::optional<SealedUpdate>> sealed(orders.size());
    SideBySide(orders.size(), options_.threads, [&](std::size_t i) {
      Hospital& hospital = Of(orders[i].site);
      const SubmissionId id{state_.run, orders[i].round, orders[i].site, orders[i].attempt};
      sealed[i] = hospital.guard->Find(id, model_.digest);  // of a round that was stopped
      if (sealed[i]) return;
      const LocalTask task{id, plan_, model_, hospital.training, std::ssize(hospital.training), hospital.validation};
      sealed[i].emplace(
          hospital.guard->Seal(hospital.round->Run(task, stop), model_.parameters, plan_.aggregation.max_update_norm));
    });
    const Screener screener(plan_);
    for (std::size_t i = 0; i < orders.size(); ++i) {
      const SubmissionId id{state_.run, orders[i].round, orders[i].site, orders[i].attempt};
      SpooledUpdate update(sealed[i]->file(), id.Text());
      const Verdict verdict = screener.Check(update, {id, model_.digest, std::ssize(Of(id.site).training)});
      update_bytes_ = static_cast<std::int64_t>(fs::file_size(sealed[i]->file()));
      spool_.insert_or_assign(id, sealed[i]->file());
      Feed(UpdateJudged{{id, sealed[i]->digest(), verdict.metrics}, verdict.accepted, verdict.reason});
    }
  }

  void Average(const Aggregate& sum) {
    const NextModel next = MakeNextModel(state_, sum, model_, [this](const SubmissionId& id) { return spool_.at(id); });
    const std::vector<std::byte> bytes = SerializeModel(next.card, next.parameters);
    model_ = ParseModel(bytes, "the next model");
    Feed(ModelMade{sum.round, model_.digest, 0});
    Keep(bytes);
    for (const AcceptedUpdate& accepted : sum.updates) fs::remove(spool_.at(accepted.id));
    spool_.clear();
  }

  Hospital& Of(const SiteId& site) {
    for (Hospital& hospital : hospitals_)
      if (hospital.site == site) return hospital;
    Ensure(false, "an order for a hospital that is not there");
    return hospitals_.front();
  }

  const RunPlan& plan_;
  const FederationOptions& options_;
  std::vector<Hospital> hospitals_;
  GlobalModel model_;
  RunState state_;
  std::deque<RunAction> actions_;
  std::vector<std::string> events_;  // as JSON, from the start
  std::map<SubmissionId, fs::path> spool_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  double before_ = 0;  // seconds that calls before this one took
  std::int64_t update_bytes_ = 0;
};

}  // namespace

bool HasOwnVersions(const RunPlan& plan) { return plan.aggregation.keep_local != "none" || plan.personal.steps > 0; }

void RequireKnownRule(const RunPlan& plan) { (void)MakeAggregator(plan.aggregation); }

SimulatedFederation SimulateFederation(const RunPlan& plan, std::span<const Cohort> cohorts,
                                       const FederationOptions& options,
                                       const std::function<void(std::int64_t, double)>& progress,
                                       std::stop_token stop) {
  return Run(plan, cohorts, options).ToTheEnd(progress, std::move(stop));
}

}  // namespace consilium
