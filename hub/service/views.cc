// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/service/views.h"

#include <chrono>
#include <string>

#include "proto/codec.h"

namespace consilium {
namespace {

v1::SiteResult ResultOf(const AcceptedUpdate& update) {
  v1::SiteResult result;
  result.set_site(update.id.site.text());
  result.set_dice(update.metrics.validation.Mean());
  result.set_cases(update.metrics.validation.cases);
  result.set_loss(update.metrics.loss);
  result.set_samples(update.metrics.samples);
  result.set_seconds(update.metrics.seconds);
  result.set_precision(update.metrics.with.precision);
  result.set_device(update.metrics.with.device);
  result.set_threads(update.metrics.with.threads);
  return result;
}

v1::RoundView RoundViewOf(const RoundRecord& record, const Traffic& traffic) {
  v1::RoundView view;
  view.set_round(record.round.value());
  view.set_dice(record.dice);
  view.set_loss(record.loss);
  view.set_seconds(record.seconds);
  view.set_model(ToBytes(record.model));
  view.set_bytes_up(traffic.up);
  view.set_bytes_down(traffic.down);
  for (const AcceptedUpdate& update : record.accepted) {
    view.add_sites(update.id.site.text());
    *view.add_results() = ResultOf(update);
  }
  return view;
}

// The newest validation mean of a site in this run; -1: none yet.
double LastDice(const SiteId& site, const RunState& run) {
  const auto found = run.sites.find(site);
  if (found == run.sites.end()) return -1;
  if (found->second.final_dice) return found->second.final_dice->Mean();
  if (found->second.metrics) return found->second.metrics->validation.Mean();
  for (auto round = run.history.rbegin(); round != run.history.rend(); ++round) {
    for (const AcceptedUpdate& update : round->accepted) {
      if (update.id.site == site) return update.metrics.validation.Mean();
    }
  }
  return -1;
}

}  // namespace

v1::RunView RunViewOf(const RunState& run, const RunExtras& extras) {
  v1::RunView view;
  view.set_run(run.run.text());
  view.set_name(run.plan.name);
  view.set_phase(std::string(Name(run.phase)));
  view.set_round(run.round.value());
  view.set_rounds(run.plan.rounds);
  view.set_model(ToBytes(run.model));
  view.set_final_dice(run.final_dice);
  view.set_reason(run.reason.empty() && run.phase == RunPhase::kWaiting ? MissingSites(run) : run.reason);
  view.set_seconds_in_round(extras.seconds_in_round);
  view.set_model_bytes(extras.model_bytes);
  view.set_model_version(static_cast<std::int64_t>(run.history.size()));
  view.set_updates_in(static_cast<std::int64_t>(run.accepted.size()));
  view.set_updates_asked(static_cast<std::int64_t>(run.ordered.size()));
  Traffic total;
  for (const auto& [round, traffic] : extras.traffic) {
    total.up += traffic.up;
    total.down += traffic.down;
  }
  view.set_bytes_up(total.up);
  view.set_bytes_down(total.down);
  for (const RoundRecord& record : run.history) {
    const auto traffic = extras.traffic.find(record.round);
    *view.add_history() = RoundViewOf(record, traffic == extras.traffic.end() ? Traffic{} : traffic->second);
  }
  for (const auto& [site, in_run] : run.sites) {
    if (!in_run.final_dice) continue;
    v1::SiteResult& result = *view.add_final_results();
    result.set_site(site.text());
    result.set_dice(in_run.final_dice->Mean());
    result.set_cases(in_run.final_dice->cases);
  }
  return view;
}

v1::SiteView SiteViewOf(const SiteRecord& record, bool connected, const RunState* run, WallTime now) {
  v1::SiteView view;
  view.set_site(record.site.text());
  view.set_display_name(record.display_name);
  view.set_state(connected ? "connected" : std::string(Name(record.standing)));
  view.set_since_ms(record.since.time_since_epoch().count());
  view.set_training_patients(record.training_patients);
  view.set_validation_patients(record.validation_patients);
  if (record.studies) *view.mutable_studies() = ToMessage(*record.studies);
  view.set_last_seen_ms(record.last_seen.time_since_epoch().count());
  view.set_key_fingerprint(record.key_fingerprint);
  if (record.certificate) {
    const auto left = std::chrono::floor<std::chrono::days>(record.certificate->NotAfter() - now);
    view.set_certificate_days_left(left.count());
  }
  view.set_dice(-1);
  if (run == nullptr) return view;
  view.set_dice(LastDice(record.site, *run));
  if (const auto found = run->sites.find(record.site); found != run->sites.end() && !run->ended()) {
    view.set_progress(std::string(Name(found->second.progress)));
    view.set_fraction(found->second.fraction);
    view.set_reason(found->second.reason);
  }
  return view;
}

}  // namespace consilium
