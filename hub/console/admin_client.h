// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "proto/admin.grpc.pb.h"

namespace consilium {

// The administrator's end of admin.proto: one function for each call, Error with the hub's words when it refuses. Waits
// for its answer; one thread.
class AdminClient {
 public:
  // `hub` is unix:PATH, or H:P with the file that `admin add` wrote.
  AdminClient(const std::string& hub, const std::filesystem::path& administrator_file);

  v1::InviteReply Invite(const std::string& name, std::int64_t hours);
  v1::InvitationsReply Invitations();
  v1::InvitationView Withdraw(const std::string& name);
  v1::SiteView Approve(const std::string& site);
  v1::SiteView Suspend(const std::string& site);
  v1::SiteView Revoke(const std::string& site);
  // Makes the key here; writes it with its certificate and the authority to `out` (mode 0600).
  void AddAdministrator(const std::string& name, const std::filesystem::path& out);
  v1::FederationState State(const std::string& run);
  // Calls `show` with the state now and after every change until it returns false.
  void Watch(const std::function<bool(const v1::FederationState&)>& show);
  v1::StartRunReply StartRun(const std::filesystem::path& plan, const std::filesystem::path& first_model, bool wait);
  v1::RunView AbortRun(const std::string& run, const std::string& reason);
  void ExportModel(const std::string& run, const std::filesystem::path& out);
  v1::AuditReply Audit(std::int64_t events);

 private:
  std::string hub_;
  std::unique_ptr<v1::Admin::Stub> stub_;
};

}  // namespace consilium
