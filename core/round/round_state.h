// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/model/metrics.h"
#include "core/model/model_update.h"
#include "core/round/run_plan.h"

namespace consilium {

// A federated run as a pure function: (state, event) -> (state, actions). No clock, no I/O, no thread: the hub's
// coordinator feeds events in and carries the actions out. The hub stores the events (all but SiteReported need to be)
// and gets the same state by replaying them: see run_journal.h.
//
//   kWaiting -> kTraining -> kAggregating -> kTraining ... -> kFinishing -> kDone
// and from each of them but the last to kAborted; from kTraining to kFailed.
// - A round is ordered from every connected site with enough patients. It is frozen as soon as every ordered site has
//   settled (accepted, rejected or lost) and the quorum is met, or at its deadline with what it has. Without a quorum
//   it is repeated from its start, once, as attempt 2; then the run fails.
// - A site that comes late takes part from the next round on, and in this one only if the quorum cannot be met without
//   it. A site that comes back while its order is open gets it again.
// - An event of another round, attempt or model than the current one changes nothing; so does any event after the end.

enum class RunPhase {
  kWaiting,      // for enough eligible, connected sites
  kTraining,     // orders are out, updates come in
  kAggregating,  // the accepted set is frozen
  kFinishing,    // the last model is published, sites evaluate it
  kDone,
  kFailed,
  kAborted,
};
std::string_view Name(RunPhase phase);

enum class SiteProgress { kIdle, kOrdered, kTraining, kUploading, kAccepted, kRejected, kLost };
std::string_view Name(SiteProgress progress);

struct SiteInRun {
  SiteProgress progress = SiteProgress::kIdle;
  bool connected = false;
  std::int64_t training_patients = 0;
  double fraction = 0;                    // of the local steps done
  std::string reason;                     // of a rejection or a refusal
  std::optional<TrainMetrics> metrics;    // of this round's accepted update
  std::optional<DiceSummary> final_dice;  // of the last model
  friend bool operator==(const SiteInRun&, const SiteInRun&) = default;
};

struct AcceptedUpdate {
  SubmissionId id;
  Digest digest;  // of the spooled bytes
  TrainMetrics metrics;
  friend bool operator==(const AcceptedUpdate&, const AcceptedUpdate&) = default;
};

struct RoundRecord {
  RoundNumber round;
  Digest model;                          // the model this round made
  std::vector<AcceptedUpdate> accepted;  // by site
  double dice = 0;                       // pooled validation Dice of the INCOMING model
  double loss = 0;                       // mean over sites, weighted by patients
  double seconds = 0;
  friend bool operator==(const RoundRecord&, const RoundRecord&) = default;
};

struct RunState {
  RunPlan plan;
  RunId run;
  RunPhase phase = RunPhase::kWaiting;
  RoundNumber round;         // current; 0 while waiting
  std::int64_t attempt = 1;  // of the current round: rises when it is repeated for want of quorum; 0 while finishing
  Digest model;              // current global model
  std::map<SiteId, SiteInRun> sites;
  std::set<SiteId> ordered;              // sites that got this attempt's order (while finishing: the evaluation order)
  std::vector<AcceptedUpdate> accepted;  // this attempt's, by arrival; by site once frozen
  std::vector<RoundRecord> history;
  double final_dice = 0;         // pooled, of the last model; valid in kDone
  std::int64_t final_cases = 0;  // behind it; 0: no site could evaluate
  std::string reason;            // of kFailed or kAborted
  bool ended() const { return phase >= RunPhase::kDone; }
  friend bool operator==(const RunState&, const RunState&) = default;
};

// What happened.
struct SiteConnected {  // or the number of its patients changed
  SiteId site;
  std::int64_t training_patients = 0;
  bool more_follow = false;  // others are told of at once: a waiting run does not start before the last of them
  friend bool operator==(const SiteConnected&, const SiteConnected&) = default;
};
struct SiteDisconnected {  // after the coordinator's grace for a short cut
  SiteId site;
  friend bool operator==(const SiteDisconnected&, const SiteDisconnected&) = default;
};
inline constexpr std::int64_t kAnyAttempt = -1;  // of a site, or in a journal, that does not say which
struct SiteReported {                            // kTraining or kUploading; only for people
  SiteId site;
  RoundNumber round;
  SiteProgress progress = SiteProgress::kTraining;
  double fraction = 0;
  std::int64_t attempt = kAnyAttempt;
  friend bool operator==(const SiteReported&, const SiteReported&) = default;
};
struct SiteRefused {  // the site will not carry out the current order
  SiteId site;
  RoundNumber round;
  std::string reason;
  std::int64_t attempt = kAnyAttempt;  // 0: of the last model's evaluation
  friend bool operator==(const SiteRefused&, const SiteRefused&) = default;
};
struct UpdateJudged {
  AcceptedUpdate update;
  bool accepted = false;
  std::string reason;
  friend bool operator==(const UpdateJudged&, const UpdateJudged&) = default;
};
struct DeadlinePassed {
  RoundNumber round;
  std::int64_t attempt = 1;
  friend bool operator==(const DeadlinePassed&, const DeadlinePassed&) = default;
};
struct ModelMade {
  RoundNumber round;
  Digest model;
  double seconds = 0;  // since the round's first order
  friend bool operator==(const ModelMade&, const ModelMade&) = default;
};
struct FinalEvaluated {
  SiteId site;
  Digest model;
  DiceSummary dice;
  friend bool operator==(const FinalEvaluated&, const FinalEvaluated&) = default;
};
struct AbortAsked {
  std::string reason;
  friend bool operator==(const AbortAsked&, const AbortAsked&) = default;
};
struct HubRestarted {  // nobody is connected; asks again for what was under way
  friend bool operator==(const HubRestarted&, const HubRestarted&) = default;
};
using RunEvent = std::variant<SiteConnected, SiteDisconnected, SiteReported, SiteRefused, UpdateJudged, DeadlinePassed,
                              ModelMade, FinalEvaluated, AbortAsked, HubRestarted>;

// What is to be done.
struct OrderTraining {  // replaces any older order of the site; the same order twice is one
  SiteId site;
  RoundNumber round;
  std::int64_t attempt = 1;
  Digest model;
  friend bool operator==(const OrderTraining&, const OrderTraining&) = default;
};
struct SetDeadline {  // comes back as DeadlinePassed
  RoundNumber round;
  std::int64_t attempt = 1;  // 0: of the last model's evaluation
  double seconds = 0;
  friend bool operator==(const SetDeadline&, const SetDeadline&) = default;
};
struct Aggregate {
  RoundNumber round;
  Digest base;
  std::vector<AcceptedUpdate> updates;  // by site
  friend bool operator==(const Aggregate&, const Aggregate&) = default;
};
struct OrderEvaluation {  // of the last model, on the site's validation patients
  SiteId site;
  Digest model;
  friend bool operator==(const OrderEvaluation&, const OrderEvaluation&) = default;
};
struct CancelTraining {
  SiteId site;
  RoundNumber round;
  friend bool operator==(const CancelTraining&, const CancelTraining&) = default;
};
struct RunEnded {
  friend bool operator==(const RunEnded&, const RunEnded&) = default;
};
using RunAction = std::variant<OrderTraining, SetDeadline, Aggregate, OrderEvaluation, CancelTraining, RunEnded>;

struct Transition {
  RunState state;
  std::vector<RunAction> actions;
};

RunState StartRun(RunPlan plan, RunId run, Digest first_model);
Transition Advance(RunState state, const RunEvent& event);

// While sites are missing: "the plan needs 3 connected sites with at least 50 training patients; 2 are there (coast 96,
// north 412; valley has 31)". Empty when there are enough.
std::string MissingSites(const RunState& state);

}  // namespace consilium
