// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "proto/admin.pb.h"
#include "proto/site.pb.h"

namespace consilium {

// What stands behind the doors: the services turn calls into these functions, all on the hub's thread, and Error into a
// status. The hub implements them. No gRPC type here.

// The hub's end of one site's control stream. Any thread.
class SiteLine {
 public:
  virtual ~SiteLine() = default;
  virtual void Send(v1::HubMessage message) = 0;                                 // in order
  virtual void SendState(std::shared_ptr<const v1::FederationState> state) = 0;  // only the newest waiting one is sent
  virtual void Hang(const class Error& why) = 0;                                 // ends the stream with words
  virtual std::chrono::steady_clock::time_point LastHeard() const = 0;
};

class SiteDesk {
 public:
  virtual ~SiteDesk() = default;
  virtual SiteId Admit(const std::string& certificate_pem) = 0;
  virtual void Connect(const SiteId& site, const v1::Hello& hello, const std::shared_ptr<SiteLine>& line) = 0;
  virtual void Receive(const SiteId& site, const v1::SiteMessage& message) = 0;
  virtual void Gone(const SiteId& site, const SiteLine* line) = 0;  // `line` ended, whoever ended it
  virtual std::filesystem::path ModelFile(const Digest& digest) = 0;
  virtual void CountDown(std::uint64_t bytes) = 0;
  virtual v1::UploadState Offer(const SiteId& site, const v1::UploadHeader& header) = 0;
  virtual v1::UploadState Store(const SiteId& site, const v1::UploadHeader& header, const v1::Chunk& chunk) = 0;
};

// The hub's end of one enrolment call. Any thread.
class EnrolLine {
 public:
  virtual ~EnrolLine() = default;
  virtual void Send(v1::EnrolReply reply, bool last) = 0;
};

class EnrolDesk {
 public:
  virtual ~EnrolDesk() = default;
  virtual void Enrol(const v1::EnrolRequest& request, const std::string& peer,
                     const std::shared_ptr<EnrolLine>& line) = 0;
  virtual void Delivered(const std::string& site) = 0;
  virtual void Hung(const EnrolLine* line) = 0;
};

// Somebody who watches the federation. Any thread.
class StateLine {
 public:
  virtual ~StateLine() = default;
  virtual void SendState(std::shared_ptr<const v1::FederationState> state) = 0;
};

class AdminDesk {
 public:
  virtual ~AdminDesk() = default;
  virtual std::string AdmitAdministrator(const std::string& certificate_pem) = 0;  // name, for the audit
  virtual v1::InviteReply Invite(const std::string& who, const v1::InviteRequest& request) = 0;
  virtual v1::InvitationsReply Invitations() = 0;
  virtual v1::InvitationView Withdraw(const std::string& who, const v1::WithdrawRequest& request) = 0;
  virtual v1::SiteView Approve(const std::string& who, const v1::SiteRequest& request) = 0;
  virtual v1::SiteView Suspend(const std::string& who, const v1::SiteRequest& request) = 0;
  virtual v1::SiteView Revoke(const std::string& who, const v1::SiteRequest& request) = 0;
  virtual v1::AddAdministratorReply AddAdministrator(const std::string& who,
                                                     const v1::AddAdministratorRequest& request) = 0;
  virtual v1::FederationState State(const v1::StateRequest& request) = 0;
  virtual void Watch(const std::shared_ptr<StateLine>& line) = 0;
  virtual void Unwatch(const StateLine* line) = 0;
  // `first_model` is a complete file, or empty; it is removed afterwards.
  virtual v1::StartRunReply StartRun(const std::string& who, const v1::StartRunRequest& request,
                                     const std::filesystem::path& first_model) = 0;
  virtual v1::RunView AbortRun(const std::string& who, const v1::AbortRunRequest& request) = 0;
  virtual std::filesystem::path ModelFile(const v1::ModelRequest& request) = 0;
  virtual v1::AuditReply Audit(const v1::AuditRequest& request) = 0;
  virtual std::filesystem::path NewUploadFile() = 0;  // a name for a first model on its way in
};

}  // namespace consilium
