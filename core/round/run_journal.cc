// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/run_journal.h"

#include <array>
#include <type_traits>
#include <utility>

#include "core/base/error.h"
#include "core/model/json_fields.h"
#include "core/model/metrics_fields.h"

namespace consilium {
namespace {

// A field list for each kind of event, for reading and writing alike.
template <class V, class E>
void VisitEvent(V& v, E& e) {
  using Event = std::remove_const_t<E>;
  if constexpr (std::is_same_v<Event, SiteConnected>) {
    v.Field("site", e.site);
    v.Field("training_patients", e.training_patients);
    v.Field("more_follow", e.more_follow);
  } else if constexpr (std::is_same_v<Event, SiteDisconnected>) {
    v.Field("site", e.site);
  } else if constexpr (std::is_same_v<Event, SiteReported>) {
    v.Field("site", e.site);
    v.Field("round", e.round);
    v.Field("progress", e.progress);
    v.Field("fraction", e.fraction);
    v.NewField("attempt", e.attempt);
  } else if constexpr (std::is_same_v<Event, SiteRefused>) {
    v.Field("site", e.site);
    v.Field("round", e.round);
    v.Field("reason", e.reason);
    v.NewField("attempt", e.attempt);
  } else if constexpr (std::is_same_v<Event, UpdateJudged>) {
    v.Field("run", e.update.id.run);
    v.Field("round", e.update.id.round);
    v.Field("site", e.update.id.site);
    v.Field("attempt", e.update.id.attempt);
    v.Field("digest", e.update.digest);
    VisitMetrics(v, e.update.metrics);
    v.Field("accepted", e.accepted);
    v.Field("reason", e.reason);
  } else if constexpr (std::is_same_v<Event, DeadlinePassed>) {
    v.Field("round", e.round);
    v.Field("attempt", e.attempt);
  } else if constexpr (std::is_same_v<Event, ModelMade>) {
    v.Field("round", e.round);
    v.Field("model", e.model);
    v.Field("seconds", e.seconds);
  } else if constexpr (std::is_same_v<Event, FinalEvaluated>) {
    v.Field("site", e.site);
    v.Field("model", e.model);
    v.Field("dice_sum", e.dice.sum);
    v.Field("dice_cases", e.dice.cases);
  } else if constexpr (std::is_same_v<Event, AbortAsked>) {
    v.Field("reason", e.reason);
  } else {
    static_assert(std::is_same_v<Event, HubRestarted>);  // no fields
  }
}

// In the order of RunEvent.
constexpr std::array<std::string_view, std::variant_size_v<RunEvent>> kNames{
    "site_connected",  "site_disconnected", "site_reported",   "site_refused", "update_judged",
    "deadline_passed", "model_made",        "final_evaluated", "abort_asked",  "hub_restarted"};

template <std::size_t I = 0>
RunEvent Read(std::string_view name, JsonReader& reader) {
  if constexpr (I == kNames.size()) {
    throw Error(ErrorCode::kInvalidArgument, "run journal: unknown event '" + std::string(name.substr(0, 40)) + "'");
  } else {
    if (name != kNames[I]) return Read<I + 1>(name, reader);
    std::variant_alternative_t<I, RunEvent> event;
    VisitEvent(reader, event);
    reader.Finish();
    return event;
  }
}

}  // namespace

std::string ToJson(const RunEvent& event) {
  JsonWriter writer;
  writer.Field("event", std::string(kNames[event.index()]));
  std::visit([&](const auto& e) { VisitEvent(writer, e); }, event);
  // Reasons come from sites: text that is no UTF-8 is replaced, never a reason to stop.
  return std::move(writer).Take().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

RunEvent RunEventFromJson(std::string_view json) {
  try {
    const auto parsed = ParseJson(json, "run journal");
    JsonReader reader(parsed, "run journal");
    std::string name;
    reader.Field("event", name);
    return Read(name, reader);
  } catch (const Error& error) {
    throw Error(ErrorCode::kDataLoss, error.what(), "Put back the last backup of the hub's database.");
  }
}

}  // namespace consilium
