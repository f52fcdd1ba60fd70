// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/run_store.h"

#include <chrono>
#include <utility>

#include "core/base/error.h"
#include "core/round/run_journal.h"

namespace consilium {
namespace {

std::int64_t Milliseconds(WallTime time) { return time.time_since_epoch().count(); }
WallTime FromMilliseconds(std::int64_t value) { return WallTime(std::chrono::milliseconds(value)); }

}  // namespace

RunId RunStore::NextRunId(const std::string& plan_name) const {
  for (std::int64_t number = 1;; ++number) {
    RunId run(plan_name + "-" + std::to_string(number));
    Statement row(database_, "SELECT 1 FROM runs WHERE run = ?");
    if (!row.Bind(1, run.text()).Step()) return run;
  }
}

void RunStore::AddRun(const StoredRun& run) {
  Statement insert(database_, "INSERT INTO runs (run, plan, first_model, started_ms) VALUES (?, ?, ?, ?)");
  insert.Bind(1, run.run.text()).Bind(2, ToToml(run.plan)).Bind(3, std::as_bytes(std::span(run.first_model.bytes)));
  insert.Bind(4, Milliseconds(run.started)).Execute();
}

std::optional<StoredRun> RunStore::Find(const RunId& run) const {
  Statement row(database_, "SELECT plan, first_model, started_ms FROM runs WHERE run = ?");
  if (!row.Bind(1, run.text()).Step()) return std::nullopt;
  StoredRun stored{run, ParseRunPlan(row.Text(0), "plan of run " + run.text()), {}, FromMilliseconds(row.Int(2))};
  const std::vector<std::byte> digest = row.Blob(1);
  if (digest.size() != 32)
    throw Error(ErrorCode::kDataLoss, "run " + run.text() + " has no first model in the database");
  for (std::size_t i = 0; i < 32; ++i) stored.first_model.bytes[i] = static_cast<std::uint8_t>(digest[i]);
  return stored;
}

std::optional<RunId> RunStore::Newest() const {
  Statement row(database_, "SELECT run FROM runs ORDER BY number DESC LIMIT 1");
  if (!row.Step()) return std::nullopt;
  return RunId(row.Text(0));
}

void RunStore::AddEvent(const RunId& run, const StoredEvent& event) {
  Statement insert(database_,
                   "INSERT INTO events (run, number, time_ms, event) "
                   "SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3 FROM events WHERE run = ?1");
  insert.Bind(1, run.text()).Bind(2, Milliseconds(event.time)).Bind(3, ToJson(event.event)).Execute();
}

std::vector<StoredEvent> RunStore::Events(const RunId& run) const {
  std::vector<StoredEvent> events;
  Statement rows(database_, "SELECT time_ms, event FROM events WHERE run = ? ORDER BY number");
  rows.Bind(1, run.text());
  while (rows.Step()) events.push_back({FromMilliseconds(rows.Int(0)), RunEventFromJson(rows.Text(1))});
  return events;
}

std::optional<RunState> RunStore::Replay(const RunId& run) const {
  const auto stored = Find(run);
  if (!stored) return std::nullopt;
  RunState state = StartRun(stored->plan, stored->run, stored->first_model);
  for (const StoredEvent& event : Events(run)) state = Advance(std::move(state), event.event).state;
  return state;
}

void RunStore::SetTraffic(const RunId& run, RoundNumber round, const Traffic& traffic) {
  Statement put(database_, "INSERT OR REPLACE INTO traffic (run, round, up, down) VALUES (?, ?, ?, ?)");
  put.Bind(1, run.text()).Bind(2, round.value()).Bind(3, static_cast<std::int64_t>(traffic.up));
  put.Bind(4, static_cast<std::int64_t>(traffic.down)).Execute();
}

std::map<RoundNumber, Traffic> RunStore::TrafficOf(const RunId& run) const {
  std::map<RoundNumber, Traffic> traffic;
  Statement rows(database_, "SELECT round, up, down FROM traffic WHERE run = ?");
  rows.Bind(1, run.text());
  while (rows.Step()) {
    traffic[RoundNumber(rows.Int(0))] = {static_cast<std::uint64_t>(rows.Int(1)),
                                         static_cast<std::uint64_t>(rows.Int(2))};
  }
  return traffic;
}

}  // namespace consilium
