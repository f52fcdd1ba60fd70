// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/model/metrics.h"
#include "core/model/model_update.h"
#include "core/round/run_plan.h"

namespace consilium {

// A federated run as a pure function: (state, event) -> (state, actions). No clock, no I/O, no thread: the hub's
// coordinator feeds events in and carries the actions out. Every transition can be replayed from the stored events.

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
  std::string reason;                     // of a rejection
  std::optional<TrainMetrics> metrics;    // of this round's accepted update
  std::optional<DiceSummary> final_dice;  // of the last model
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
};

struct RunState {
  RunPlan plan;
  RunId run;
  RunPhase phase = RunPhase::kWaiting;
  RoundNumber round;         // current; 0 while waiting
  std::int64_t attempt = 1;  // of the current round: rises when a round is repeated for want of quorum
  Digest model;              // current global model
  std::map<SiteId, SiteInRun> sites;
  std::set<SiteId> ordered;              // sites that got this round's order
  std::vector<AcceptedUpdate> accepted;  // this round's, by arrival
  std::vector<RoundRecord> history;
  double final_dice = 0;  // pooled, of the last model; valid in kDone
  std::string reason;     // of kFailed or kAborted
};

// What happened.
struct SiteConnected {
  SiteId site;
  std::int64_t training_patients = 0;
};
struct SiteDisconnected {
  SiteId site;
};
struct SiteReported {
  SiteId site;
  RoundNumber round;
  SiteProgress progress;
  double fraction = 0;
};
struct UpdateJudged {
  AcceptedUpdate update;
  bool accepted = false;
  std::string reason;
};
struct DeadlinePassed {
  RoundNumber round;
  std::int64_t attempt = 1;
};
struct ModelMade {
  RoundNumber round;
  Digest model;
  double seconds = 0;
};
struct FinalEvaluated {
  SiteId site;
  DiceSummary dice;
};
struct AbortAsked {
  std::string reason;
};
using RunEvent = std::variant<SiteConnected, SiteDisconnected, SiteReported, UpdateJudged, DeadlinePassed, ModelMade,
                              FinalEvaluated, AbortAsked>;

// What is to be done.
struct OrderTraining {
  SiteId site;
  RoundNumber round;
  std::int64_t attempt = 1;
  Digest model;
};
struct SetDeadline {
  RoundNumber round;
  std::int64_t attempt = 1;
  double seconds = 0;
};
struct Aggregate {
  RoundNumber round;
  Digest base;
  std::vector<AcceptedUpdate> updates;
};  // by site
struct OrderEvaluation {
  SiteId site;
  Digest model;
};  // the last model, on the site's validation patients
struct CancelTraining {
  SiteId site;
  RoundNumber round;
};
struct RunEnded {};
using RunAction = std::variant<OrderTraining, SetDeadline, Aggregate, OrderEvaluation, CancelTraining, RunEnded>;

struct Transition {
  RunState state;
  std::vector<RunAction> actions;
};

RunState StartRun(RunPlan plan, RunId run, Digest first_model);
Transition Advance(RunState state, const RunEvent& event);

}  // namespace consilium
