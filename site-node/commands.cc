// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "core/base/terminal.h"
#include "site-node/node.h"

namespace consilium {
namespace {

CaseLibrary OpenLibrary(const SiteDirectory& place, const SiteSettings& settings) {
  return {place.root(), LibraryOptionsOf(settings), ParseDevice(settings.device), SystemClock()};
}

const Secret* Pointer(const std::optional<Secret>& secret) { return secret ? &*secret : nullptr; }

// What was put aside, each with its reason.
std::string QuarantineSummary(const std::vector<QuarantinedItem>& items) {
  std::string text;
  for (const QuarantinedItem& item : items) text += fmt::format("  {}\n    {}\n", item.place.string(), item.reason);
  return text;
}

void TellService(const SiteDirectory& place) {
  if (!DirectoryLock::Held(place)) return;
  try {
    TellLibraryChanged(place.socket());
  } catch (const Error& error) {  // the import itself is done and safe
    std::cerr << "The running service was not told: " << error.what() << ". It sees the new cases after a restart.\n";
  }
}

}  // namespace

void RunImport(const SiteDirectory& place, const std::filesystem::path& folder, bool json) {
  const SiteSettings settings = ReadSettings(place);
  CaseLibrary library = OpenLibrary(place, settings);
  ImportReport report;
  {
    ProgressLine line(std::cerr, StyleOf(stderr), "Importing");
    ImportHooks hooks;
    hooks.progress = [&](double fraction, const std::string& what) { line.Update(fraction, what); };
    report = library.Import(folder, hooks);
  }
  PredictionStore predictions(place.root(), PredictionQuotaOf(settings));
  for (const CaseId& id : report.changed) predictions.Forget(id);
  if (report.added > 0 || !report.changed.empty()) TellService(place);
  const CaseCounts counts = library.Counts();
  if (json) {
    const nlohmann::json out = {{"added", report.added},
                                {"known", report.known},
                                {"changed", report.changed.size()},
                                {"quarantined", report.quarantined.size()},
                                {"training", counts.training},
                                {"validation", counts.validation},
                                {"new", counts.unlabelled}};
    std::cout << out.dump() << "\n";
    return;
  }
  if (report.added + report.known == 0 && report.changed.empty() && report.quarantined.empty()) {
    std::cout << fmt::format(
        "Nothing was found in {}.\n  Looked for: DICOM files of a PET and a CT series of one patient in one frame of "
        "reference, and an RT structure\n  set with a contour named like {}. Folders and names of files do not "
        "matter.\n",
        folder.string(), fmt::join(settings.contours, ", "));
    return;
  }
  std::cout << fmt::format("{} cases added, {} known, {} changed, {} quarantined.\n", report.added, report.known,
                           report.changed.size(), report.quarantined.size())
            << QuarantineSummary(report.quarantined)
            << fmt::format("The library holds {} cases: {} for training, {} for validation, {} without a contour.\n",
                           counts.all(), counts.training, counts.validation, counts.unlabelled)
            << "The images stay where they are; do not move them.\n";
}

void RunCases(const SiteDirectory& place, bool quarantined, bool json) {
  const SiteSettings settings = ReadSettings(place);
  CaseLibrary library = OpenLibrary(place, settings);
  if (quarantined) {
    nlohmann::json out = nlohmann::json::array();
    for (const QuarantinedItem& item : library.Quarantined())
      out.push_back({{"place", item.place.string()}, {"reason", item.reason}});
    std::cout << (json ? out.dump() + "\n" : QuarantineSummary(library.Quarantined()));
    if (!json && out.empty()) std::cout << "Nothing is quarantined.\n";
    return;
  }
  std::map<CaseId, PredictionSummary> predicted;
  PredictionStore predictions(place.root(), PredictionQuotaOf(settings));
  for (PredictionSummary& summary : predictions.NewestOfEach()) predicted.emplace(summary.id, summary);
  nlohmann::json out = nlohmann::json::array();
  Table table({"case", "role", "patient", "study", "model", "lesions", "ml", "Dice", "note"});
  for (const CaseRecord& record : library.Cases()) {
    nlohmann::json row = {{"case", record.id.text()},
                          {"role", Name(record.role)},
                          {"patient", record.patient.Reveal()},
                          {"study_date", record.study_date.Reveal()},
                          {"note", record.note}};
    std::vector<std::string> cells = {record.id.text(),
                                      std::string(Name(record.role)),
                                      record.patient.Reveal(),
                                      record.study_date.Reveal(),
                                      "-",
                                      "-",
                                      "-",
                                      "-",
                                      record.note};
    if (const auto found = predicted.find(record.id); found != predicted.end()) {
      const PredictionSummary& summary = found->second;
      row["prediction"] = {{"model", summary.model.Hex()},
                           {"lesions", summary.lesions},
                           {"volume_ml", summary.volume_ml},
                           {"entropy", summary.entropy},
                           {"dice", summary.dice}};
      cells[4] = summary.model.Short();
      cells[5] = std::to_string(summary.lesions);
      cells[6] = fmt::format("{:.1f}", summary.volume_ml);
      if (summary.dice >= 0) cells[7] = fmt::format("{:.2f}", summary.dice);
    }
    out.push_back(std::move(row));
    table.Row(std::move(cells));
  }
  std::cout << (json ? out.dump() + "\n" : table.Text());
}

void RunServe(const SiteDirectory& place, const ServeOptions& options) {
  SiteSettings settings = ReadSettings(place);
  if (options.panel_listen) settings.panel_listen = *options.panel_listen;
  if (options.threads) settings.threads = *options.threads;
  if (options.device) settings.device = *options.device;
  settings.Validate();
  const DirectoryLock lock(place, "it cannot be served twice");

  // Blocked before any thread is made, so that only the wait below hears them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const Node node(place, settings, Pointer(options.passphrase), SystemClock());
  WriteFileDurably(place.root() / "panel.address", node.panel_address());
  if (options.ports_file)
    WriteFileDurably(*options.ports_file, nlohmann::json{{"panel", node.panel_address()}}.dump() + "\n");
  std::cout << fmt::format("Site {} of {}. Hub {}. Panel for desktops at {}.\n", settings.site, settings.federation,
                           settings.hub, node.panel_address())
            << std::flush;
  int signal = 0;
  sigwait(&signals, &signal);
  LogInfo("stopping", {{"signal", signal}});
}

namespace {

// What a desktop can dial: host:port, and a port that is known.
void RequireDialable(const std::string& address) {
  const auto colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  Require(digits && colon > 0 && std::stoi(port) >= 1 && std::stoi(port) <= 65535,
          fmt::format("a desktop cannot dial the panel at {}", address.empty() ? "nothing" : address),
          "Give the panel's address: --panel HOST:PORT. A running service writes its own.");
}

}  // namespace

void RunReaderAdd(const SiteDirectory& place, const std::string& name, const std::filesystem::path& out,
                  const std::optional<std::string>& panel, const std::optional<Secret>& passphrase) {
  const SiteSettings settings = ReadSettings(place);
  std::string address = panel.value_or(settings.panel_listen);
  const std::filesystem::path served = place.root() / "panel.address";
  if (!panel && std::filesystem::exists(served)) address = ReadTextFile(served, 4096);
  if (std::filesystem::exists(out)) {
    throw Error(ErrorCode::kAlreadyExists, fmt::format("{} is there already", out.string()), "Choose another file.");
  }
  if (address.starts_with("0.0.0.0:") || address.starts_with("[::]:")) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the panel listens at {}, which is every address of this machine: no desktop can dial that",
                            address),
                "Name the address that desktops reach it by: --panel HOST:PORT");
  }
  RequireDialable(address);
  Readers readers(place.readers(), Pointer(passphrase), SystemClock());
  const ReaderFile file = readers.Add(name, settings.site.empty() ? "site" : settings.site, address);
  try {
    WriteReaderFile(out, file);
  } catch (const Error&) {  // nobody holds the key: the name is free again
    readers.Remove(name);
    throw;
  }
  std::cout << fmt::format(
      "Reader {} may look at the panel at {}. Give {} to that person only; open it with:\n"
      "  consilium-desktop --connect {}\n",
      name, address, out.string(), out.string());
}

void RunReaderList(const SiteDirectory& place, const std::optional<Secret>& passphrase, bool json) {
  Readers readers(place.readers(), Pointer(passphrase), SystemClock());
  nlohmann::json out = nlohmann::json::array();
  Table table({"reader", "fingerprint", "valid until"});
  for (const Reader& reader : readers.List()) {
    out.push_back(
        {{"name", reader.name}, {"fingerprint", reader.fingerprint}, {"not_after", ToIso8601(reader.not_after)}});
    table.Row({reader.name, reader.fingerprint, ToIso8601(reader.not_after).substr(0, 10)});
  }
  std::cout << (json ? out.dump() + "\n" : table.Text());
}

void RunReaderRemove(const SiteDirectory& place, const std::string& name, const std::optional<Secret>& passphrase) {
  Readers(place.readers(), Pointer(passphrase), SystemClock()).Remove(name);
  std::cout << fmt::format("Reader {} is refused from now on.\n", name);
}

namespace {

nlohmann::json ToJson(const EgressEntry& entry) {
  return {{"number", entry.number},
          {"time", ToIso8601(entry.time)},
          {"run", entry.id.run.text()},
          {"round", entry.id.round.value()},
          {"attempt", entry.id.attempt},
          {"digest", entry.digest.Hex()},
          {"bytes", entry.bytes},
          {"tensors", entry.tensors},
          {"numbers", entry.numbers},
          {"norm", entry.norm},
          {"norm_limit", entry.norm_limit},
          {"loss", entry.metrics.loss},
          {"steps", entry.metrics.steps},
          {"training_patients", entry.metrics.samples},
          {"dice_sum", entry.metrics.validation.sum},
          {"dice_cases", entry.metrics.validation.cases},
          {"acknowledged", entry.acknowledged}};
}

std::vector<EgressEntry> Ledger(const SiteDirectory& place) {
  const SiteSettings settings = ReadSettings(place);
  return PrivacyGuard(place.root(), {settings.max_update_norm, settings.min_patients}, SystemClock()).Ledger();
}

}  // namespace

void RunEgressShow(const SiteDirectory& place, const std::string& which, bool json) {
  const std::vector<EgressEntry> ledger = Ledger(place);
  for (const EgressEntry& entry : ledger) {
    const bool wanted = which == "latest" || which == std::to_string(entry.number) ||
                        (which.size() >= 4 && entry.digest.Hex().starts_with(which));
    if (!wanted) continue;
    std::cout << (json ? ToJson(entry).dump() + "\n" : Describe(entry));
    return;
  }
  if (ledger.empty()) {
    std::cout << (json ? "null\n" : "Nothing has left this hospital.\n");
    return;
  }
  throw Error(ErrorCode::kNotFound, fmt::format("the ledger has no entry `{}`", which),
              "See all: consilium-site egress list");
}

void RunEgressList(const SiteDirectory& place, bool json) {
  nlohmann::json out = nlohmann::json::array();
  Table table({"number", "time", "run", "round", "bytes", "norm", "patients", "digest", "hub"});
  for (const EgressEntry& entry : Ledger(place)) {
    out.push_back(ToJson(entry));
    table.Row({std::to_string(entry.number), ToIso8601(entry.time), entry.id.run.text(),
               std::to_string(entry.id.round.value()), std::to_string(entry.bytes), fmt::format("{:.4g}", entry.norm),
               std::to_string(entry.metrics.samples), entry.digest.Short(),
               entry.acknowledged ? "acknowledged" : "not yet"});
  }
  std::cout << (json ? out.dump() + "\n" : table.Text());
}

}  // namespace consilium
