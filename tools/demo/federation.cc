// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/federation.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "proto/codec.h"
#include "proto/tls.h"

namespace consilium {
namespace {

nlohmann::json ReadJson(const std::filesystem::path& file) { return nlohmann::json::parse(ReadTextFile(file)); }

// The address behind `key=` in the hub's ports file.
std::string PortLine(const std::filesystem::path& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key + "=", 0) == 0) return line.substr(key.size() + 1);
  }
  throw Error(ErrorCode::kDataLoss, file.string() + " has no line " + key + "=");
}

}  // namespace

DemoFederation::DemoFederation(std::filesystem::path dir, std::filesystem::path programs)
    : dir_(std::move(dir)), programs_(std::move(programs)) {
  SilenceGrpc();
  std::filesystem::create_directories(dir_ / "logs");
  const auto hub = (dir_ / "hub").string(), ports = (dir_ / "hub-ports.json").string();
  RunCommand({(programs_ / "consilium-hub").string(), "init", hub, "--name", "Demo network"}, Log("hub-commands"));
  hub_.emplace(std::vector<std::string>{(programs_ / "consilium-hub").string(), "serve", hub, "--listen", "127.0.0.1:0",
                                        "--enrol-listen", "127.0.0.1:0", "--ports-file", ports},
               Log("hub"));
  WaitForFile(ports, *hub_, 30);
  listen_ = PortLine(ports, "sites");
  enrol_ = PortLine(ports, "enrolment");
}

DemoFederation::~DemoFederation() = default;

std::string DemoFederation::Hub(std::vector<std::string> arguments) {
  std::vector<std::string> command{(programs_ / "consilium-hub").string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"--hub", "unix:" + (dir_ / "hub" / "admin.sock").string()});
  return RunCommand(command, Log("hub-commands"));
}

std::string DemoFederation::Site(const std::string& site, const std::string& command,
                                 std::vector<std::string> arguments) {
  std::vector<std::string> words{(programs_ / "consilium-site").string(), command};
  // `reader add NAME`: the folder belongs to the inner command.
  if (command == "reader") {
    words.push_back(arguments.front());
    arguments.erase(arguments.begin());
  }
  words.insert(words.end(), {"--dir", SiteFolder(site).string()});
  words.insert(words.end(), arguments.begin(), arguments.end());
  return RunCommand(words, Log(site + "-commands"));
}

void DemoFederation::Enrol(const std::string& site) {
  const auto admin = v1::Admin::NewStub(AdminChannel());
  v1::InviteRequest ask;
  ask.set_name(site);
  v1::InviteReply invitation;
  {
    grpc::ClientContext context;
    ThrowUnlessOk(admin->Invite(&context, ask, &invitation), "cannot invite " + site);
  }
  const auto token = dir_ / "logs" / (site + ".token");
  WriteFileDurably(token, invitation.token() + "\n", 0600);
  ChildProcess join(
      {(programs_ / "consilium-site").string(), "join", "--dir", SiteFolder(site).string(), "--hub", listen_, "--enrol",
       enrol_, "--token-file", token.string(), "--fingerprint", invitation.fingerprint()},
      Log(site + "-join"));
  Approve(*admin, invitation.site(), join);
  if (join.Wait() != 0) {
    throw Error(ErrorCode::kFailedPrecondition, site + " could not join the federation", "See " + join.log().string());
  }
  std::filesystem::remove(token);
}

void DemoFederation::Approve(v1::Admin::Stub& admin, const std::string& site, ChildProcess& join) {
  v1::SiteRequest request;
  request.set_site(site);
  for (int attempt = 0;; ++attempt) {
    grpc::ClientContext context;
    v1::SiteView view;
    const grpc::Status status = admin.Approve(&context, request, &view);
    if (status.ok()) return;
    // Until the site's request has arrived there is nothing to approve.
    if (attempt == 300 || join.ExitCode()) ThrowUnlessOk(status, "cannot approve " + site);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void DemoFederation::Import(const std::string& site, const std::filesystem::path& folder,
                            const std::filesystem::path& roles) {
  Site(site, "import", {folder.string(), "--roles", roles.string()});
}

void DemoFederation::Serve(const std::string& site, int threads) {
  const auto ports = dir_ / (site + "-ports.json");
  std::filesystem::remove(ports);
  ChildProcess child(
      {(programs_ / "consilium-site").string(), "serve", "--dir", SiteFolder(site).string(), "--panel-listen",
       "127.0.0.1:0", "--ports-file", ports.string(), "--threads", std::to_string(threads)},
      Log(site));
  WaitForFile(ports, child, 60);
  sites_.emplace_back(site, std::move(child));
}

std::filesystem::path DemoFederation::AddReader(const std::string& site) {
  const auto file = SiteFolder(site) / "demo.reader";
  if (std::filesystem::exists(file)) return file;
  const auto panel = ReadJson(dir_ / (site + "-ports.json")).at("panel").get<std::string>();
  Site(site, "reader", {"add", "demo", "--out", file.string(), "--panel", panel});
  return file;
}

std::shared_ptr<grpc::Channel> DemoFederation::AdminChannel() const {
  return MakeLocalChannel("unix:" + (dir_ / "hub" / "admin.sock").string());
}

std::string DemoFederation::StartRun(v1::Admin::Stub& admin, const std::filesystem::path& plan) {
  v1::StartRunMessage message;
  message.mutable_plan()->set_plan_toml(ReadTextFile(plan));
  message.mutable_plan()->set_plan_name(plan.filename().string());
  message.mutable_plan()->set_wait(true);  // the sites may still be connecting
  grpc::ClientContext context;
  v1::StartRunReply reply;
  const auto writer = admin.StartRun(&context, &reply);
  writer->Write(message);  // a failure shows in the status
  writer->WritesDone();
  ThrowUnlessOk(writer->Finish(), "cannot start the run");
  return reply.run();
}

v1::FederationState DemoFederation::Run(const std::filesystem::path& plan,
                                        const std::function<void(const v1::FederationState&)>& show) {
  const auto admin = v1::Admin::NewStub(AdminChannel());
  const std::string run = StartRun(*admin, plan);
  grpc::ClientContext context;
  v1::StateRequest request;
  request.set_run(run);
  const auto stream = admin->Watch(&context, request);
  v1::FederationState state;
  while (stream->Read(&state)) {
    show(state);
    const std::string& phase = state.run().phase();
    if (phase == "done") {
      context.TryCancel();
      stream->Finish();  // cancelled by us: its status says only that
      return state;
    }
    if (phase == "failed" || phase == "aborted") {
      throw Error(ErrorCode::kFailedPrecondition, "the run " + phase + ": " + state.run().reason(),
                  "Logs: " + (dir_ / "logs").string());
    }
  }
  ThrowUnlessOk(stream->Finish(), "cannot follow the run");
  throw Error(ErrorCode::kUnavailable, "the hub ended before the run did", "Its log: " + Log("hub").string());
}

void DemoFederation::ExportModel(const std::string& run, const std::filesystem::path& file) {
  Hub({"model", "export", run, "--out", file.string()});
}

void DemoFederation::Predict(const std::string& site, const std::string& role, const std::filesystem::path& out) {
  Site(site, "predict", {"--role", role, "--out", out.string(), "--json"});
}

}  // namespace consilium
