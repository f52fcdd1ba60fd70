// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/sqlite.h"
#include "core/round/round_state.h"
#include "core/round/run_plan.h"

namespace consilium {

struct StoredEvent {
  WallTime time;
  RunEvent event;
};

struct StoredRun {
  RunId run;
  RunPlan plan;
  Digest first_model;
  WallTime started;
};

struct Traffic {
  std::uint64_t up = 0, down = 0;  // bytes of updates and models, all sites
};

// Runs and what happened in them: the plan, the first model and every event in order, from which the state is replayed.
// The hub's thread only; the caller holds the transaction.
class RunStore {
 public:
  explicit RunStore(Database& database) : database_(database) {}

  RunId NextRunId(const std::string& plan_name) const;  // "sarcoma-2" for the plan's second run: the same on every hub
  void AddRun(const StoredRun& run);
  std::optional<StoredRun> Find(const RunId& run) const;
  std::optional<RunId> Newest() const;

  void AddEvent(const RunId& run, const StoredEvent& event);
  std::vector<StoredEvent> Events(const RunId& run) const;
  std::optional<RunState> Replay(const RunId& run) const;  // the state after its stored events

  void SetTraffic(const RunId& run, RoundNumber round, const Traffic& traffic);
  std::map<RoundNumber, Traffic> TrafficOf(const RunId& run) const;

 private:
  Database& database_;
};

}  // namespace consilium
