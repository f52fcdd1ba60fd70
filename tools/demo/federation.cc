// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/demo/federation.h"

#include <grpcpp/client_context.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "proto/admin.grpc.pb.h"
#include "proto/codec.h"
#include "proto/tls.h"

namespace consilium {
namespace {

nlohmann::json ReadJson(const std::filesystem::path& file) {
  const auto bytes = ReadFile(file, 1 << 20);
  return nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                               reinterpret_cast<const char*>(bytes.data()) + bytes.size());
}

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
  const auto invitation = nlohmann::json::parse(Hub({"invite", site, "--json"}));
  const auto token = dir_ / "logs" / (site + ".token");
  WriteFileDurably(token, invitation.at("token").get<std::string>() + "\n", 0600);
  ChildProcess join(
      {(programs_ / "consilium-site").string(), "join", "--dir", SiteFolder(site).string(), "--hub", listen_, "--enrol",
       enrol_, "--token-file", token.string(), "--fingerprint", invitation.at("fingerprint").get<std::string>()},
      Log(site + "-join"));
  Hub({"approve", site, "--wait", "30"});
  if (join.Wait() != 0) {
    throw Error(ErrorCode::kFailedPrecondition, site + " could not join the federation", "See " + join.log().string());
  }
  std::filesystem::remove(token);
}

void DemoFederation::Import(const std::string& site, const std::filesystem::path& folder, std::int64_t validation) {
  Site(site, "import", {folder.string(), "--validation", std::to_string(validation)});
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
  const auto panel = ReadJson(dir_ / (site + "-ports.json")).at("panel").get<std::string>();
  Site(site, "reader", {"add", "demo", "--out", file.string(), "--panel", panel});
  return file;
}

v1::FederationState DemoFederation::Run(const std::filesystem::path& plan,
                                        const std::function<void(const v1::FederationState&)>& show) {
  const auto started = nlohmann::json::parse(Hub({"run", "start", plan.string(), "--json"}));
  const auto channel = MakeLocalChannel("unix:" + (dir_ / "hub" / "admin.sock").string());
  const auto admin = v1::Admin::NewStub(channel);
  grpc::ClientContext context;
  v1::StateRequest request;
  request.set_run(started.at("run").get<std::string>());
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
