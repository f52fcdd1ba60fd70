// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "core/base/stop_on_signal.h"
#include "core/base/terminal.h"
#include "learning/work_along.h"
#include "site-node/node.h"

namespace consilium {
namespace {

constexpr const char* kOthers = "`consilium-site work-along` with the same --dir";

// Threads and device of one of several processes.
void Share(SiteSettings& settings, const ProcessPlace& place) {
  settings.threads = ThreadsOf(place, static_cast<int>(settings.threads));
  settings.device = ToString(DeviceOf(place, settings.device));
}

const Secret* Pointer(const std::optional<Secret>& secret) { return secret ? &*secret : nullptr; }

}  // namespace

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

  const std::unique_ptr<ProcessGroup> processes = LeadProcesses("consilium-site serve", kOthers);
  if (processes) Share(settings, processes->place());
  {
    const Node node(place, settings, Pointer(options.passphrase), SystemClock(), processes.get());
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
  DismissProcesses(processes.get());
}

void RunWorkAlong(const SiteDirectory& place, const WorkAlongOptions& options) {
  const auto where = ProcessPlaceFromEnvironment();
  if (!where || where->rank == 0) {
    throw Error(ErrorCode::kFailedPrecondition,
                "work-along is for the other processes of a site that trains in several",
                "Start `consilium-site serve` with RANK=0 and WORLD_SIZE=2, and this with RANK=1 and WORLD_SIZE=2.");
  }
  SiteSettings settings = ReadSettings(place);
  if (options.threads) settings.threads = *options.threads;
  if (options.device) settings.device = *options.device;
  settings.Validate();
  Share(settings, *where);
  const StopOnSignal signal;
  CaseLibrary library(place.root(), LibraryOptionsOf(settings), ParseDevice(settings.device), SystemClock());
  ProcessGroup group(*where);
  const ComputeOptions compute{ParseDevice(settings.device), static_cast<int>(settings.threads), "auto"};
  std::cout << fmt::format("Process {} of {} works along.\n", group.rank(), group.size()) << std::flush;
  try {
    const std::int64_t trainings = WorkAlong(
        group, compute,
        [&](const RunPlan& plan) {
          const LabelQuery label = LabelQueryOf(settings, plan.Label());
          return library.Prepared(CaseRole::kTraining, plan.prep, label, signal.token()).samples;
        },
        signal.token());
    std::cout << fmt::format("Process 0 has ended. Took part in {} trainings.\n", trainings);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled || !signal.token().stop_requested()) throw;
    std::cout << "Stopped.\n";
  }
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
