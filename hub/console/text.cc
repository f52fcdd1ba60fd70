// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/console/text.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/terminal.h"
#include "proto/codec.h"

namespace consilium {
namespace {

using Json = nlohmann::ordered_json;

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

std::string DataText(const v1::SiteView& site) {
  if (site.training_patients() < 0) return "-";
  const std::string patients = fmt::format("{} + {} patients", site.training_patients(), site.validation_patients());
  return site.has_studies() ? fmt::format("{}, {} quarantined", patients, site.studies().quarantined()) : patients;
}

std::string CertificateText(const v1::SiteView& site) {
  if (site.state() == "waiting" || site.state() == "revoked") return "-";
  if (site.certificate_days_left() < 0) return "EXPIRED";
  return fmt::format("{} d left", site.certificate_days_left());
}

std::string SeenText(const v1::SiteView& site, std::int64_t now_ms) {
  if (site.state() == "connected") return "now";
  if (site.last_seen_ms() == 0) return "never";
  return SpanText(now_ms - site.last_seen_ms()) + " ago";
}

std::string Percent(double fraction) { return fmt::format("{:.0f} %", 100 * fraction); }

// "coast (training, 71 %), north (uploading)": the sites whose update is not in yet.
std::string WaitingFor(const v1::FederationState& state) {
  std::string text;
  for (const v1::SiteView& site : state.sites()) {
    const std::string& progress = site.progress();
    if (progress != "ordered" && progress != "training" && progress != "uploading") continue;
    text += (text.empty() ? "" : ", ") + site.site() + " (" + progress;
    if (progress == "training") text += ", " + Percent(site.fraction());
    text += ")";
  }
  return text;
}

std::string LeftOut(const v1::FederationState& state) {
  std::string text;
  for (const v1::SiteView& site : state.sites()) {
    if (site.progress() != "rejected" && site.progress() != "lost") continue;
    text += (text.empty() ? "" : ", ") + site.site() + " (" +
            (site.reason().empty() ? site.progress() : site.progress() + ": " + site.reason()) + ")";
  }
  return text;
}

Json JsonOf(const v1::StudyCounts& studies) {
  Json json{{"studies", studies.studies()}, {"quarantined", studies.quarantined()}, {"reasons", Json::object()}};
  for (const auto& [reason, count] : StudyCountsFromMessage(studies).reasons) json["reasons"][reason] = count;
  return json;
}

// Of the sites that said it, one line each: what the round's numbers were learnt from.
std::string StudiesText(const v1::FederationState& state) {
  std::string text;
  for (const v1::SiteView& site : state.sites()) {
    if (!site.has_studies()) continue;
    text += fmt::format("{}: {} studies, {}\n", site.site(), site.studies().studies(),
                        StudyCountsFromMessage(site.studies()).Text());
  }
  return text;
}

Json JsonOf(const v1::SiteResult& result) {
  return {{"site", result.site()},           {"dice", result.dice()},       {"cases", result.cases()},
          {"loss", result.loss()},           {"samples", result.samples()}, {"seconds", result.seconds()},
          {"precision", result.precision()}, {"device", result.device()},   {"threads", result.threads()}};
}

Json JsonOf(const v1::RunView& run) {
  Json json{{"run", run.run()},
            {"name", run.name()},
            {"phase", run.phase()},
            {"round", run.round()},
            {"rounds", run.rounds()},
            {"model_digest", Hex(run.model())},
            {"model_version", run.model_version()}};
  json["final_dice"] = run.final_dice();
  json["reason"] = run.reason();
  json["bytes"] = {{"up", run.bytes_up()}, {"down", run.bytes_down()}};
  json["history"] = Json::array();
  for (const v1::RoundView& round : run.history()) {
    Json entry{{"round", round.round()}, {"seconds", round.seconds()}, {"dice", round.dice()}, {"loss", round.loss()}};
    entry["model_digest"] = Hex(round.model());
    entry["bytes"] = {{"up", round.bytes_up()}, {"down", round.bytes_down()}};
    entry["sites"] = Json::array();
    for (const v1::SiteResult& result : round.results()) entry["sites"].push_back(JsonOf(result));
    json["history"].push_back(entry);
  }
  json["final"] = Json::array();
  for (const v1::SiteResult& result : run.final_results()) {
    json["final"].push_back({{"site", result.site()}, {"dice", result.dice()}, {"cases", result.cases()}});
  }
  return json;
}

}  // namespace

std::string SpanText(std::int64_t milliseconds) {
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds < 5) return "now";
  if (seconds < 100) return fmt::format("{} s", seconds);
  if (seconds < 100 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

std::string BytesText(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string SitesText(const v1::FederationState& state, WallTime now) {
  if (state.sites_size() == 0) return "No site yet. Invite one: consilium-hub invite NAME\n";
  const std::int64_t now_ms = now.time_since_epoch().count();
  std::string quality;
  std::string waiting;  // keys are compared on the telephone: whole, and not inside a table
  Table table({"site", "state", "since", "data", "certificate", "last seen"});
  for (const v1::SiteView& site : state.sites()) {
    table.Row({site.site(), site.state(), SpanText(now_ms - site.since_ms()), DataText(site), CertificateText(site),
               SeenText(site, now_ms)});
    if (site.studies().quarantined() > 0)
      quality += fmt::format("{}: of {} studies {}\n", site.site(), site.studies().studies(),
                             StudyCountsFromMessage(site.studies()).Text());
    if (site.state() != "waiting") continue;
    waiting += fmt::format("{} waits with the key {}\n  If the hospital reads out the same: consilium-hub approve {}\n",
                           site.site(), site.key_fingerprint(), site.site());
  }
  return table.Text() + quality + waiting;
}

std::string InvitationsText(const v1::InvitationsReply& reply) {
  if (reply.invitations_size() == 0) return "No invitation. Invite a hospital: consilium-hub invite NAME\n";
  Table table({"site", "name", "state", "expires"});
  for (const v1::InvitationView& one : reply.invitations()) {
    table.Row({one.site(), one.display_name(), one.state(),
               ToIso8601(WallTime(std::chrono::milliseconds(one.expires_ms())))});
  }
  return table.Text();
}

std::string InvitationsJson(const v1::InvitationsReply& reply) {
  Json json = Json::array();
  for (const v1::InvitationView& one : reply.invitations()) {
    json.push_back(
        {{"site", one.site()}, {"name", one.display_name()}, {"state", one.state()}, {"expires_ms", one.expires_ms()}});
  }
  return json.dump(2) + "\n";
}

std::string SitesJson(const v1::FederationState& state) {
  Json json{{"federation", state.federation()}, {"sites", Json::array()}};
  for (const v1::SiteView& site : state.sites()) {
    json["sites"].push_back({{"site", site.site()},
                             {"name", site.display_name()},
                             {"state", site.state()},
                             {"since_ms", site.since_ms()},
                             {"training_patients", site.training_patients()},
                             {"validation_patients", site.validation_patients()},
                             {"certificate_days_left", site.certificate_days_left()},
                             {"key_fingerprint", site.key_fingerprint()},
                             {"last_seen_ms", site.last_seen_ms()}});
    if (site.has_studies()) json["sites"].back()["studies"] = JsonOf(site.studies());
  }
  return json.dump(2) + "\n";
}

bool Ended(const v1::RunView& run) {
  return run.phase() == "done" || run.phase() == "failed" || run.phase() == "aborted";
}

std::string RoundLine(const v1::RoundView& round) {
  std::string sites;
  for (const v1::SiteResult& result : round.results()) {
    sites += fmt::format("{}{} {:.2f}", sites.empty() ? "" : "  ", result.site(), result.dice());
  }
  return fmt::format("Round {}   Dice {:.2f}   loss {:.3f}   {:.1f} s   {} up   {}", round.round(), round.dice(),
                     round.loss(), round.seconds(), BytesText(round.bytes_up()), sites);
}

std::string EndText(const v1::RunView& run) {
  if (run.phase() == "done") {
    return fmt::format("Run {} is done: {} rounds, Dice {:.2f}. Get the model: consilium-hub model export --out FILE",
                       run.run(), run.history_size(), run.final_dice());
  }
  return fmt::format("Run {} {}: {}", run.run(), run.phase() == "failed" ? "has failed" : "was aborted", run.reason());
}

std::string RunLine(const v1::FederationState& state) {
  const v1::RunView& run = state.run();
  if (Ended(run)) return EndText(run);
  if (run.phase() == "waiting") return fmt::format("Run {} waits: {}", run.run(), run.reason());
  if (run.phase() == "finishing") {
    const std::string working = WaitingFor(state), waiting = working.empty() ? LeftOut(state) : working;
    return "Run " + run.run() + ": the sites evaluate the last model" +
           (waiting.empty() ? "" : "   waiting for " + waiting);
  }
  std::string line = fmt::format("Round {} of {}   {} of {} updates in", run.round(), run.rounds(), run.updates_in(),
                                 run.updates_asked());
  if (run.phase() == "aggregating") return line + "   averaging";
  const std::string waiting = WaitingFor(state), left_out = LeftOut(state);
  if (!waiting.empty()) line += "   waiting for " + waiting;
  const int rounds = run.history_size();
  if (rounds > 0) line += fmt::format("   Dice {:.2f}", run.history(rounds - 1).dice());
  if (rounds > 1) line += fmt::format(" ({:+.2f})", run.history(rounds - 1).dice() - run.history(rounds - 2).dice());
  return line + "   excluded: " + (left_out.empty() ? "none" : left_out);
}

std::string RunText(const v1::FederationState& state) {
  if (!state.has_run()) return "No run yet. Start one: consilium-hub run start PLAN.toml\n";
  const v1::RunView& run = state.run();
  Table table({"round", "Dice", "loss", "sites", "seconds", "up", "down"});
  for (const v1::RoundView& round : run.history()) {
    std::string sites;
    for (const std::string& site : round.sites()) sites += (sites.empty() ? "" : ", ") + site;
    table.Row({std::to_string(round.round()), fmt::format("{:.3f}", round.dice()), fmt::format("{:.3f}", round.loss()),
               sites, fmt::format("{:.1f}", round.seconds()), BytesText(round.bytes_up()),
               BytesText(round.bytes_down())});
  }
  return fmt::format("Run {}   model {} (version {}, {})\n", run.run(), Hex(run.model()).substr(0, 12),
                     run.model_version(), BytesText(run.model_bytes())) +
         (run.history_size() > 0 ? table.Text() : "") + StudiesText(state) + RunLine(state) + "\n";
}

std::string RunJson(const v1::RunView& run) { return JsonOf(run).dump(2) + "\n"; }
std::string RunJsonLine(const v1::RunView& run) { return JsonOf(run).dump() + "\n"; }

std::string AuditText(const v1::AuditReply& audit) {
  Table table({"no.", "time", "who", "what", "of", "detail"});
  for (const v1::AuditEvent& event : audit.events()) {
    table.Row({std::to_string(event.number()), ToIso8601(WallTime(std::chrono::milliseconds(event.time_ms()))),
               event.actor(), event.action(), event.subject(), event.detail()});
  }
  return table.Text() + (audit.chain_holds() ? std::string("The chain holds.\n")
                                             : fmt::format("The chain is BROKEN at entry {}: somebody has changed the "
                                                           "database since it was written.\n",
                                                           audit.first_bad()));
}

}  // namespace consilium
