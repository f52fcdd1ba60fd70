// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/round_state.h"

#include <algorithm>
#include <utility>

namespace consilium {
namespace {

bool Judged(SiteProgress progress) {
  return progress == SiteProgress::kAccepted || progress == SiteProgress::kRejected;
}
bool Settled(SiteProgress progress) { return Judged(progress) || progress == SiteProgress::kLost; }

// One event applied to a state: each operator() is one kind of event.
class Step {
 public:
  explicit Step(RunState state) : s_(std::move(state)) {}
  Transition Take() && { return {std::move(s_), std::move(actions_)}; }

  void operator()(const SiteConnected& event) {
    SiteInRun& site = s_.sites[event.site];
    const bool back = !site.connected;
    site.connected = true;
    site.training_patients = event.training_patients;
    if (s_.phase == RunPhase::kWaiting) {
      if (!event.more_follow) StartIfEnough();
    } else if (s_.phase == RunPhase::kTraining) {
      if (back && s_.ordered.contains(event.site) && !Judged(site.progress)) Order(event.site);
      OrderReserves();
    } else if (s_.phase == RunPhase::kFinishing) {
      const bool open = s_.ordered.contains(event.site) && !site.final_dice && site.progress != SiteProgress::kRejected;
      if ((back && open) || (s_.ordered.empty() && Eligible(site))) OrderLastEvaluation(event.site);
    }
  }

  void operator()(const SiteDisconnected& event) {
    const auto found = s_.sites.find(event.site);
    if (found == s_.sites.end()) return;
    SiteInRun& site = found->second;
    site.connected = false;
    const bool working = s_.phase == RunPhase::kTraining || (s_.phase == RunPhase::kFinishing && !site.final_dice);
    if (!working || !s_.ordered.contains(event.site) || Settled(site.progress)) return;
    site.progress = SiteProgress::kLost;
    CloseIfSettled();
  }

  void operator()(const SiteReported& event) {
    SiteInRun* site = Ordered(event.site, event.round, event.attempt);
    const bool work = event.progress == SiteProgress::kTraining || event.progress == SiteProgress::kUploading;
    if (s_.phase != RunPhase::kTraining || site == nullptr || Settled(site->progress) || !work) return;
    site->progress = event.progress;
    site->fraction = std::clamp(event.fraction, 0.0, 1.0);
  }

  void operator()(const SiteRefused& event) {
    SiteInRun* site = Ordered(event.site, event.round, event.attempt);
    const bool open = s_.phase == RunPhase::kTraining || s_.phase == RunPhase::kFinishing;
    if (!open || site == nullptr || Judged(site->progress) || site->final_dice) return;
    site->progress = SiteProgress::kRejected;
    site->reason = event.reason;
    CloseIfSettled();
  }

  void operator()(const UpdateJudged& event) {
    const SubmissionId& id = event.update.id;
    SiteInRun* site = Ordered(id.site, id.round, id.attempt);
    if (s_.phase != RunPhase::kTraining || site == nullptr || id.run != s_.run) return;
    if (Judged(site->progress)) return;  // the same verdict again
    site->progress = event.accepted ? SiteProgress::kAccepted : SiteProgress::kRejected;
    site->fraction = 1;
    if (event.accepted) {
      site->metrics = event.update.metrics;
      s_.accepted.push_back(event.update);
    } else {
      site->reason = event.reason;
    }
    CloseIfSettled();
  }

  void operator()(const DeadlinePassed& event) {
    if (event.round != s_.round || event.attempt != s_.attempt) return;
    if (s_.phase == RunPhase::kFinishing) return EndRun();
    if (s_.phase != RunPhase::kTraining) return;
    HasQuorum() ? Freeze() : RepeatOrFail();
  }

  void operator()(const ModelMade& event) {
    if (s_.phase != RunPhase::kAggregating || event.round != s_.round) return;
    RoundRecord record{s_.round, event.model, s_.accepted, 0, 0, event.seconds};
    DiceSummary dice;
    double samples = 0;
    for (const AcceptedUpdate& update : s_.accepted) {
      const auto weight = static_cast<double>(update.metrics.samples);
      dice = Merge(dice, update.metrics.validation);
      record.loss += weight * update.metrics.loss;
      samples += weight;
    }
    record.dice = dice.Mean();
    record.loss = samples > 0 ? record.loss / samples : 0;
    s_.history.push_back(record);
    s_.model = event.model;
    const bool reached = s_.plan.target_dice > 0 && record.dice >= s_.plan.target_dice;
    if (reached || Stale() || s_.round.value() >= s_.plan.rounds) return EvaluateLastModel();
    BeginAttempt(s_.round.Next(), 1);
  }

  // Whether the rounds after the best one are as many as the plan is patient.
  bool Stale() const {
    const auto best = std::max_element(s_.history.begin(), s_.history.end(),
                                       [](const RoundRecord& a, const RoundRecord& b) { return a.dice < b.dice; });
    return s_.plan.patience > 0 && s_.history.end() - best > s_.plan.patience;
  }

  void operator()(const FinalEvaluated& event) {
    SiteInRun* site = Ordered(event.site, s_.round, s_.attempt);
    if (s_.phase != RunPhase::kFinishing || event.model != s_.model || site == nullptr || site->final_dice) return;
    site->final_dice = event.dice;
    site->progress = SiteProgress::kIdle;
    CloseIfSettled();
  }

  void operator()(const AbortAsked& event) {
    CancelWork();
    s_.phase = RunPhase::kAborted;
    s_.reason = event.reason;
    actions_.push_back(RunEnded{});
  }

  void operator()(const HubRestarted&) {
    for (auto& [id, site] : s_.sites) site.connected = false;
    if (s_.phase == RunPhase::kAggregating) {
      actions_.push_back(Aggregate{s_.round, s_.model, s_.accepted});
    } else if (s_.phase == RunPhase::kTraining || s_.phase == RunPhase::kFinishing) {
      actions_.push_back(SetDeadline{s_.round, s_.attempt, s_.plan.round.deadline_s});
    }
  }

 private:
  bool Eligible(const SiteInRun& site) const {
    return site.connected && site.training_patients >= s_.plan.eligibility.min_patients;
  }

  // The site if it got an order of this round and attempt, else null.
  SiteInRun* Ordered(const SiteId& id, RoundNumber round, std::int64_t attempt) {
    const bool current = round == s_.round && (attempt == s_.attempt || attempt == kAnyAttempt);
    return current && s_.ordered.contains(id) ? &s_.sites.at(id) : nullptr;
  }

  std::int64_t CountOrdered(bool (*predicate)(SiteProgress)) const {
    return std::count_if(s_.ordered.begin(), s_.ordered.end(),
                         [&](const SiteId& id) { return predicate(s_.sites.at(id).progress); });
  }

  bool HasQuorum() const { return static_cast<std::int64_t>(s_.accepted.size()) >= s_.plan.round.quorum; }

  void StartIfEnough() {
    if (MissingSites(s_).empty()) BeginAttempt(RoundNumber(1), 1);
  }

  // Orders a whole round anew from everybody who may take part.
  void BeginAttempt(RoundNumber round, std::int64_t attempt) {
    s_.phase = RunPhase::kTraining;
    s_.round = round;
    s_.attempt = attempt;
    s_.accepted.clear();
    s_.ordered.clear();
    for (auto& [id, site] : s_.sites) {
      site.progress = SiteProgress::kIdle;
      site.fraction = 0;
      site.reason.clear();
      site.metrics.reset();
    }
    for (const auto& [id, site] : s_.sites) {
      if (Eligible(site)) Order(id);
    }
    actions_.push_back(SetDeadline{round, attempt, s_.plan.round.deadline_s});
  }

  void Order(const SiteId& id) {
    s_.ordered.insert(id);
    s_.sites.at(id).progress = SiteProgress::kOrdered;
    s_.sites.at(id).fraction = 0;
    actions_.push_back(OrderTraining{id, s_.round, s_.attempt, s_.model});
  }

  // Latecomers wait for the next round, unless this one cannot meet its quorum without them.
  void OrderReserves() {
    for (const auto& [id, site] : s_.sites) {
      const std::int64_t possible = static_cast<std::int64_t>(s_.ordered.size()) - CountOrdered(Settled) +
                                    static_cast<std::int64_t>(s_.accepted.size());
      if (possible >= s_.plan.round.quorum) return;
      if (Eligible(site) && !s_.ordered.contains(id)) Order(id);
    }
  }

  void CloseIfSettled() {
    if (s_.phase == RunPhase::kFinishing) return CloseEvaluation();
    OrderReserves();
    if (CountOrdered(Settled) < static_cast<std::int64_t>(s_.ordered.size())) return;
    if (HasQuorum()) return Freeze();
    // A lost site may come back before the deadline; a verdict stays what it is.
    if (CountOrdered(Judged) == static_cast<std::int64_t>(s_.ordered.size())) RepeatOrFail();
  }

  void Freeze() {
    CancelWork();
    s_.phase = RunPhase::kAggregating;
    std::sort(s_.accepted.begin(), s_.accepted.end(),
              [](const AcceptedUpdate& a, const AcceptedUpdate& b) { return a.id.site < b.id.site; });
    actions_.push_back(Aggregate{s_.round, s_.model, s_.accepted});
  }

  void RepeatOrFail() {
    if (s_.attempt == 1) return BeginAttempt(s_.round, 2);
    s_.reason = "round " + std::to_string(s_.round.value()) + " was tried twice and got " +
                std::to_string(s_.accepted.size()) + " of the " + std::to_string(s_.plan.round.quorum) +
                " updates that it needs";
    std::string sites;
    for (const auto& [id, site] : s_.sites) {
      if (site.progress == SiteProgress::kAccepted) continue;
      sites +=
          (sites.empty() ? "" : "; ") + id.text() + ": " +
          (site.reason.empty() ? std::string(site.connected ? Name(site.progress) : "not connected") : site.reason);
    }
    if (!sites.empty()) s_.reason += " (" + sites + ")";
    s_.reason +=
        ". Bring the sites back, raise `round.deadline_s` or lower `round.quorum`, and start again from the last "
        "model.";
    CancelWork();
    s_.phase = RunPhase::kFailed;
    actions_.push_back(RunEnded{});
  }

  // Tells the sites that still work on an order of training that nobody waits for it.
  void CancelWork() {
    if (s_.phase != RunPhase::kTraining) return;
    for (const SiteId& id : s_.ordered) {
      SiteInRun& site = s_.sites.at(id);
      if (Settled(site.progress)) continue;
      site.progress = SiteProgress::kIdle;
      actions_.push_back(CancelTraining{id, s_.round});
    }
  }

  void EvaluateLastModel() {
    s_.phase = RunPhase::kFinishing;
    s_.attempt = 0;
    s_.ordered.clear();
    s_.accepted.clear();
    for (const auto& [id, site] : s_.sites) {
      if (Eligible(site)) OrderLastEvaluation(id);
    }
    actions_.push_back(SetDeadline{s_.round, s_.attempt, s_.plan.round.deadline_s});
  }

  void OrderLastEvaluation(const SiteId& id) {
    s_.ordered.insert(id);
    s_.sites.at(id).progress = SiteProgress::kOrdered;
    actions_.push_back(OrderEvaluation{id, s_.model});
  }

  void CloseEvaluation() {
    bool lost = false, evaluated = false;
    for (const SiteId& id : s_.ordered) {
      const SiteInRun& site = s_.sites.at(id);
      if (!site.final_dice && !Settled(site.progress)) return;
      evaluated = evaluated || site.final_dice;
      lost = lost || site.progress == SiteProgress::kLost;
    }
    if (evaluated || !lost) EndRun();
  }

  void EndRun() {
    DiceSummary dice;
    for (const auto& [id, site] : s_.sites) {
      if (site.final_dice) dice = Merge(dice, *site.final_dice);
    }
    s_.final_dice = dice.Mean();
    s_.final_cases = dice.cases;
    s_.phase = RunPhase::kDone;
    actions_.push_back(RunEnded{});
  }

  RunState s_;
  std::vector<RunAction> actions_;
};

}  // namespace

std::string_view Name(RunPhase phase) {
  switch (phase) {
    case RunPhase::kWaiting: return "waiting";
    case RunPhase::kTraining: return "training";
    case RunPhase::kAggregating: return "aggregating";
    case RunPhase::kFinishing: return "finishing";
    case RunPhase::kDone: return "done";
    case RunPhase::kFailed: return "failed";
    case RunPhase::kAborted: return "aborted";
  }
  return "unknown";
}

std::string_view Name(SiteProgress progress) {
  switch (progress) {
    case SiteProgress::kIdle: return "idle";
    case SiteProgress::kOrdered: return "ordered";
    case SiteProgress::kTraining: return "training";
    case SiteProgress::kUploading: return "uploading";
    case SiteProgress::kAccepted: return "accepted";
    case SiteProgress::kRejected: return "rejected";
    case SiteProgress::kLost: return "lost";
  }
  return "unknown";
}

RunState StartRun(RunPlan plan, RunId run, Digest first_model) {
  RunState state;
  state.plan = std::move(plan);
  state.run = std::move(run);
  state.model = first_model;
  return state;
}

Transition Advance(RunState state, const RunEvent& event) {
  if (state.ended()) return {std::move(state), {}};
  Step step(std::move(state));
  std::visit(step, event);
  return std::move(step).Take();
}

std::string MissingSites(const RunState& state) {
  const EligibilityPlan& plan = state.plan.eligibility;
  std::string enough, few;
  std::int64_t count = 0;
  for (const auto& [id, site] : state.sites) {
    if (!site.connected) continue;
    const bool eligible = site.training_patients >= plan.min_patients;
    std::string& list = eligible ? enough : few;
    list +=
        (list.empty() ? "" : ", ") + id.text() + (eligible ? " " : " has ") + std::to_string(site.training_patients);
    count += eligible ? 1 : 0;
  }
  if (count >= plan.min_sites) return {};
  const std::string separator = enough.empty() || few.empty() ? "" : "; ";
  return "the plan needs " + std::to_string(plan.min_sites) + " connected sites with at least " +
         std::to_string(plan.min_patients) + " training patients; " + std::to_string(count) +
         (count == 1 ? " is" : " are") + " there" +
         (enough.empty() && few.empty() ? "" : " (" + enough + separator + few + ")");
}

}  // namespace consilium
