// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/admin.grpc.pb.h"
#include "tools/demo/process.h"

namespace consilium {

// A hub and its sites as separate processes on loopback, started and spoken to as their administrators would: by their
// commands. Ends them with the object.
class DemoFederation {
 public:
  // Makes DIR/hub, its keys and its server. `programs` holds consilium-hub and consilium-site.
  DemoFederation(std::filesystem::path dir, std::filesystem::path programs);
  ~DemoFederation();

  const std::string& address() const { return listen_; }

  // Invitation, key and request at the site, approval at the hub.
  void Enrol(const std::string& site);
  // Images stay where they are; `roles` is the site's list of roles.
  void Import(const std::string& site, const std::filesystem::path& folder, const std::filesystem::path& roles);
  void Serve(const std::string& site, int threads);
  // A reader's file for the desktop program; made once.
  std::filesystem::path AddReader(const std::string& site);

  // Starts the run and follows it to its end: `show` gets the state now and on every change. Returns the last state.
  // Throws Error(kFailedPrecondition) with the hub's reason if the run does not end well.
  v1::FederationState Run(const std::filesystem::path& plan,
                          const std::function<void(const v1::FederationState&)>& show);
  void ExportModel(const std::string& run, const std::filesystem::path& file);

  // Every case of the role as DICOM SEG in `out`, with the site's newest model.
  void Predict(const std::string& site, const std::string& role, const std::filesystem::path& out);

  std::filesystem::path SiteFolder(const std::string& site) const { return dir_ / site; }

 private:
  std::string Hub(std::vector<std::string> arguments);
  std::shared_ptr<grpc::Channel> AdminChannel() const;
  void Approve(v1::Admin::Stub& admin, const std::string& site, ChildProcess& join);
  std::string StartRun(v1::Admin::Stub& admin, const std::filesystem::path& plan);
  std::string Site(const std::string& site, const std::string& command, std::vector<std::string> arguments);
  std::filesystem::path Log(const std::string& name) const { return dir_ / "logs" / (name + ".log"); }

  const std::filesystem::path dir_, programs_;
  std::string listen_, enrol_;
  std::optional<ChildProcess> hub_;
  std::vector<std::pair<std::string, ChildProcess>> sites_;
};

}  // namespace consilium
