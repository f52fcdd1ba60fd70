// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// consilium-hub: `init` and `serve` open the hub's folder; every other command asks the running hub.
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "core/base/program.h"
#include "core/base/secret.h"
#include "core/base/terminal.h"
#include "core/round/run_plan.h"
#include "hub/console/admin_client.h"
#include "hub/console/run_watcher.h"
#include "hub/console/text.h"
#include "hub/hub.h"
#include "proto/tls.h"

namespace consilium {
namespace {

// Everything that the command line can say.
struct Command {
  std::string dir, name, passphrase_file, ports_file;
  HubOptions serve;
  std::string hub, admin_file;
  std::string site, run, reason, out, plan, from;
  std::int64_t hours = 72, events = 100;
  bool json = false, explain = false, wait = false;
  std::function<int()> action;
};

std::optional<Secret> Passphrase(const Command& c) {
  if (c.passphrase_file.empty()) return std::nullopt;
  return ReadSecretFile(c.passphrase_file);
}

// The hub of --hub, of CONSILIUM_HUB, of this folder, or of the usual folder.
AdminClient Client(const Command& c) {
  std::string hub = c.hub;
  if (hub.empty()) {
    if (const char* set = std::getenv("CONSILIUM_HUB")) hub = set;
  }
  if (hub.empty()) {
    const std::filesystem::path here = std::filesystem::absolute("admin.sock");
    hub = "unix:" + (std::filesystem::exists(here) ? here.string() : std::string("/srv/consilium/admin.sock"));
  }
  return {hub, c.admin_file};
}

int Init(const Command& c) {
  const auto passphrase = Passphrase(c);
  const std::string fingerprint = Hub::Init(c.dir, c.name, passphrase ? &*passphrase : nullptr);
  std::cout << "Made the federation's certificate authority and the hub's key ("
            << (passphrase ? "both encrypted; passphrase from " + c.passphrase_file
                           : std::string("not encrypted: only their file mode 0600 guards them; see --passphrase-file"))
            << ").\nFingerprint to read out to hospitals:  " << fingerprint << "\n"
            << "Next: consilium-hub serve " << c.dir
            << (passphrase ? " --passphrase-file " + c.passphrase_file : std::string()) << "\n";
  return 0;
}

std::string PortsText(const HubAddresses& at) {
  return "sites=" + at.sites + "\nenrolment=" + at.enrolment +
         "\nadmin=" + (at.admin.empty() ? at.admin_socket : at.admin) + "\nadmin_socket=" + at.admin_socket + "\n";
}

int Serve(const Command& c) {
  RequireTls13();
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: all of them inherit it
  const auto passphrase = Passphrase(c);
  HubOptions options = c.serve;
  options.dir = c.dir;
  options.passphrase = passphrase ? &*passphrase : nullptr;
  const Hub hub(options);
  const HubAddresses at = hub.addresses();
  if (!passphrase) LogWarning("the keys are not encrypted; only their file mode 0600 guards them");
  std::cout << "Serving sites on " << at.sites << ", enrolment on " << at.enrolment
            << " (open only while an invitation is), administrators on " << at.admin_socket
            << (at.admin.empty() ? "" : " and " + at.admin) << std::endl;
  if (!c.ports_file.empty()) WriteFileDurably(c.ports_file, PortsText(at));
  int signal = 0;
  sigwait(&signals, &signal);
  LogInfo("the hub stops; runs go on when it is started again");
  return 0;
}

int Invite(const Command& c) {
  const v1::InviteReply reply = Client(c).Invite(c.name, c.hours);
  const WallTime expires{std::chrono::milliseconds(reply.expires_ms())};
  std::cout << "Site   " << reply.site() << "\nToken  " << reply.token() << "      tell it by phone, not by e-mail\n"
            << "Good once, until " << ToIso8601(expires) << " (" << c.hours << " h).\n"
            << "The hospital will be asked to compare this fingerprint:  " << reply.fingerprint() << "\n";
  return 0;
}

int Invitations(const Command& c) {
  const v1::InvitationsReply reply = Client(c).Invitations();
  std::cout << (c.json ? InvitationsJson(reply) : InvitationsText(reply));
  return 0;
}

int Withdraw(const Command& c) {
  const v1::InvitationView withdrawn = Client(c).Withdraw(c.name);
  std::cout << "The invitation of " << withdrawn.site() << " is withdrawn; its token is good no more.\n";
  return 0;
}

int Site(const Command& c, v1::SiteView (AdminClient::*call)(const std::string&), const char* done) {
  AdminClient client = Client(c);
  const v1::SiteView site = (client.*call)(c.site);
  std::cout << site.site() << " is " << done << ".  key " << site.key_fingerprint() << "\n";
  return 0;
}

int Sites(const Command& c) {
  const v1::FederationState state = Client(c).State({});
  std::cout << (c.json ? SitesJson(state) : SitesText(state, SystemClock().Wall()));
  return 0;
}

int StartRun(const Command& c) {
  if (c.explain) {
    std::cout << ExplainRunPlan();
    return 0;
  }
  Require(!c.plan.empty(), "which plan?", "Give its file: consilium-hub run start PLAN.toml; all keys: --explain");
  const v1::StartRunReply reply = Client(c).StartRun(c.plan, c.from, c.wait);
  std::cout << "Started run " << reply.run() << ". Follow it with: consilium-hub run watch\n";
  return 0;
}

int ShowRun(const Command& c) {
  const v1::FederationState state = Client(c).State(c.run);
  std::cout << (c.json ? RunJson(state.run()) : RunText(state));
  return 0;
}

// Ends with the run; success only if the run is done.
int WatchRun(const Command& c) {
  winsize window{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 20;
  RunWatcher watcher(std::cout, StyleOf(stdout), known ? window.ws_col : 120);
  bool done = false;
  Client(c).Watch([&](const v1::FederationState& state) {
    done = state.run().phase() == "done";
    if (!c.json) return watcher.Show(state);
    std::cout << RunJsonLine(state.run()) << std::flush;
    return !Ended(state.run());
  });
  return done ? 0 : 1;
}

int AbortRun(const Command& c) {
  const v1::RunView run = Client(c).AbortRun(c.run, c.reason);
  std::cout << EndText(run) << "\n";
  return 0;
}

int ExportModel(const Command& c) {
  Client(c).ExportModel(c.run, c.out);
  std::cout << "Wrote " << c.out << ". Look at it with: consilium inspect " << c.out << "\n";
  return 0;
}

int AddAdministrator(const Command& c) {
  Client(c).AddAdministrator(c.name, c.out);
  std::cout << "Wrote " << c.out << ": key and certificate of administrator " << c.name
            << " for 365 days. Carry it safely; use it with --hub H:P --admin " << c.out << "\n";
  return 0;
}

int Audit(const Command& c) {
  const v1::AuditReply audit = Client(c).Audit(c.events);
  std::cout << AuditText(audit);
  return audit.chain_holds() ? 0 : 1;
}

CLI::App* Add(CLI::App& app, Command& c, const char* name, const char* help, std::function<int()> action) {
  CLI::App* command = app.add_subcommand(name, help);
  command->callback([&c, action = std::move(action)] { c.action = action; });
  return command;
}

// A command to the running hub.
CLI::App* Ask(CLI::App& app, Command& c, const char* name, const char* help, std::function<int()> action) {
  CLI::App* command = Add(app, c, name, help, std::move(action));
  command->add_option(
      "--hub", c.hub,
      "the hub: unix:PATH or H:P (default: CONSILIUM_HUB, ./admin.sock, or the socket in /srv/consilium)");
  command->add_option("--admin", c.admin_file, "an administrator's file, for a hub at H:P");
  return command;
}

void AddServing(CLI::App& app, Command& c) {
  CLI::App* init = Add(app, c, "init", "make a hub: certificate authority, keys, database", [&c] { return Init(c); });
  init->add_option("dir", c.dir, "its folder")->required();
  init->add_option("--name", c.name, "the federation's name")->required();
  init->add_option("--passphrase-file", c.passphrase_file, "first line: the passphrase of the keys");
  CLI::App* serve = Add(app, c, "serve", "run the hub until it is told to stop", [&c] { return Serve(c); });
  serve->add_option("dir", c.dir, "its folder")->required();
  serve->add_option("--listen", c.serve.listen, "the sites' door, H:P; port 0: any")->capture_default_str();
  serve->add_option("--enrol-listen", c.serve.enrol_listen, "the enrolment door, H:P")->capture_default_str();
  serve->add_option("--admin-listen", c.serve.admin_listen,
                    "the administrator's door over mutual TLS, H:P (default: none)");
  serve
      ->add_option("--heartbeat", c.serve.heartbeat_s,
                   "seconds between signs of life; after four the other side is dead")
      ->capture_default_str();
  serve->add_option("--ports-file", c.ports_file, "write the real addresses there, for scripts");
  serve->add_option("--passphrase-file", c.passphrase_file, "first line: the passphrase of the keys");
}

void AddSites(CLI::App& app, Command& c) {
  CLI::App* admin = app.add_subcommand("admin", "administrators who are not on this machine");
  admin->require_subcommand(1);
  CLI::App* add =
      Ask(*admin, c, "add", "make an administrator's key and certificate", [&c] { return AddAdministrator(c); });
  add->add_option("name", c.name, "lower case letters, digits and '-'")->required();
  add->add_option("--out", c.out, "the file to write")->required();
  CLI::App* invite = Ask(app, c, "invite", "invite a hospital: a one-time token", [&c] { return Invite(c); });
  invite->add_option("name", c.name, "the hospital's name, such as \"St. Mary\"")->required();
  invite->add_option("--hours", c.hours, "how long the token is good")->capture_default_str();
  Ask(app, c, "invitations", "the invitations there are", [&c] { return Invitations(c); })->add_flag("--json", c.json);
  Ask(app, c, "withdraw", "take back an invitation that was not used", [&c] { return Withdraw(c); })
      ->add_option("name", c.name, "the hospital's name, or its site's")
      ->required();
  const auto on_site = [&](const char* name, const char* help, v1::SiteView (AdminClient::*call)(const std::string&),
                           const char* done) {
    Ask(app, c, name, help, [&c, call, done] { return Site(c, call, done); })->add_option("site", c.site)->required();
  };
  on_site("approve", "let a waiting or suspended site in", &AdminClient::Approve, "approved");
  on_site("suspend", "keep a site out for a while", &AdminClient::Suspend, "suspended");
  on_site("revoke", "put a site out for good", &AdminClient::Revoke, "revoked");
  Ask(app, c, "sites", "who is in the federation", [&c] { return Sites(c); })->add_flag("--json", c.json);
}

void AddRuns(CLI::App& app, Command& c) {
  CLI::App* run = app.add_subcommand("run", "federated runs");
  run->require_subcommand(1);
  CLI::App* start = Ask(*run, c, "start", "start a run", [&c] { return StartRun(c); });
  start->add_option("plan", c.plan, "the plan, a TOML file");
  start->add_option("--from", c.from, "begin from this model file instead of a new one");
  start->add_flag("--wait", c.wait, "start although too few sites are eligible yet, and wait for them");
  start->add_flag("--explain", c.explain, "print every key of a plan with its default");
  CLI::App* show = Ask(*run, c, "show", "the rounds so far", [&c] { return ShowRun(c); });
  show->add_option("run", c.run, "which run (default: the newest)");
  show->add_flag("--json", c.json);
  Ask(*run, c, "watch", "follow the run until it ends", [&c] {
    return WatchRun(c);
  })->add_flag("--json", c.json, "one JSON object a line");
  CLI::App* abort = Ask(*run, c, "abort", "stop the run; its last model stays", [&c] { return AbortRun(c); });
  abort->add_option("run", c.run, "which run (default: the one that is going on)");
  abort->add_option("--reason", c.reason, "for the audit and the sites");
  CLI::App* model = app.add_subcommand("model", "global models");
  model->require_subcommand(1);
  CLI::App* get = Ask(*model, c, "export", "write a run's newest model to a file", [&c] { return ExportModel(c); });
  get->add_option("run", c.run, "which run (default: the newest)");
  get->add_option("--out", c.out, "the file to write")->required();
  CLI::App* audit = app.add_subcommand("audit", "what was decided and refused");
  audit->require_subcommand(1);
  Ask(*audit, c, "show", "the newest entries, and whether the chain holds", [&c] { return Audit(c); })
      ->add_option("--events", c.events, "at most")
      ->capture_default_str();
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  ::umask(0077);  // a hub's files are its owner's alone
  consilium::SilenceGrpc();
  consilium::Command command;
  CLI::App app{"The hub of a Consilium federation: it invites hospitals, runs rounds and averages what they learnt.",
               "consilium-hub"};
  app.set_version_flag("--version", consilium::ProgramVersion());
  app.require_subcommand(1);
  consilium::AddServing(app, command);
  consilium::AddSites(app, command);
  consilium::AddRuns(app, command);
  CLI11_PARSE(app, argc, argv);
  return consilium::RunProgram(argc, argv, [&] { return command.action(); });
}
