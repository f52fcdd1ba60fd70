// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/base/clock.h"
#include "core/base/file_store.h"
#include "core/model/model_card.h"
#include "core/round/round_state.h"
#include "hub/event_loop.h"
#include "hub/round/intake.h"
#include "hub/store/audit_log.h"
#include "hub/store/run_store.h"
#include "hub/store/spool.h"

namespace consilium {

// What the coordinator works with; all of it outlives the coordinator.
struct CoordinatorParts {
  Database& database;
  RunStore& runs;
  Spool& spool;
  FileStore& models;
  AuditLog& audit;
  EventLoop& loop;
  const Clock& clock;
  FederationId federation;
  std::chrono::milliseconds retry_after{1000};  // what a full disk kept from being done; doubles up to 60 times that
};

// What the coordinator asks of the rest of the hub; a message to a site that is not connected is dropped: the site gets
// its order when it comes back.
struct CoordinatorPorts {
  std::function<void(const SiteId&, v1::HubMessage)> send;
  std::function<void()> changed;  // something that people see is another now
  // Why nothing is taken from this site any more: "site coast is suspended". Empty for a member.
  std::function<std::string(const SiteId&)> shut_out = [](const SiteId&) { return std::string(); };
};

// Runs one federated run at a time: stores each event, feeds it to core's RoundState, carries the actions out. Decides
// nothing itself. After a restart it replays the stored events and goes on where it was. The hub's thread only.
class Coordinator {
 public:
  Coordinator(CoordinatorParts parts, CoordinatorPorts ports);

  // Once, at start: takes up the newest run. Sites that do not come back within `grace` are lost; a frozen round is not
  // averaged before, so that the next one is ordered from the same sites as without the restart.
  void Resume(std::chrono::milliseconds grace);

  // The first global model is `first` or made by the plan's seed. Throws Error(kFailedPrecondition) while a run goes
  // on, Error(kInvalidArgument) for a plan or a model that does not fit.
  RunId Start(const RunPlan& plan, const std::optional<GlobalModel>& first,
              const std::map<SiteId, std::int64_t>& connected);
  void Abort(const RunId& run, const std::string& reason);

  void SiteIsThere(const SiteId& site,
                   std::int64_t training_patients);  // a session began; an open order goes out again
  void DataChanged(const SiteId& site, std::int64_t training_patients);
  void SiteIsLost(const SiteId& site);  // its grace is over
  void SiteIsShut(const SiteId& site);  // it is suspended or revoked: the round does not wait for it
  void Progressed(const SiteId& site, const v1::Progress& progress);
  void Refused(const SiteId& site, const v1::Refusal& refusal);
  void Evaluated(const SiteId& site, const v1::Evaluation& evaluation);

  v1::UploadState Offer(const SiteId& site, const v1::UploadHeader& header);
  v1::UploadState Store(const SiteId& site, const v1::UploadHeader& header, const v1::Chunk& chunk);
  void CountDown(std::uint64_t bytes);  // bytes of a model that were sent to a site

  const std::optional<RunState>& state() const { return state_; }
  const std::map<RoundNumber, Traffic>& traffic() const { return traffic_; }
  double SecondsInRound() const;

 private:
  using Work = std::function<void()>;
  using GiveUp = std::function<void(const std::string& why)>;
  void Try(Work work, GiveUp give_up, int tries = 0);
  void CarryOrLog(const RunAction& action);
  void Feed(const RunEvent& event, const std::function<void()>& also = {});
  void Carry(const RunAction& action);
  void Adopt(RunState next, WallTime time);
  void ResendOpenOrder(const SiteId& site);
  void MakeHeld();
  void Order(const OrderTraining& order);
  void Evaluate(const OrderEvaluation& order);
  void Arm(const SetDeadline& deadline);
  void Make(const Aggregate& aggregate);
  void JudgeLater(const SubmissionId& id);
  void Judge(const SubmissionId& id);
  void Settle(const SubmissionId& id, const Verdict& verdict);
  void RequireMember(const SiteId& site) const;
  void End();
  Digest FirstModel(const RunPlan& plan, const RunId& run, const std::optional<GlobalModel>& first);
  bool Running() const { return state_ && !state_->ended(); }

  CoordinatorParts parts_;
  CoordinatorPorts ports_;
  Intake intake_;
  std::optional<RunState> state_;
  std::string plan_toml_;
  std::map<RoundNumber, Traffic> traffic_;
  std::map<SiteId, std::int64_t> declared_;  // most training patients each site has declared in this run
  std::set<SiteId> awaited_;                 // after a restart: sites that were connected and are not back yet
  std::optional<Aggregate> held_;            // until they are back
  WallTime round_began_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace consilium
