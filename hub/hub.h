// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/base/clock.h"
#include "core/base/file_store.h"
#include "core/base/secret.h"
#include "core/base/sqlite.h"
#include "hub/event_loop.h"
#include "hub/roster/attempt_limit.h"
#include "hub/roster/authority.h"
#include "hub/roster/roster.h"
#include "hub/round/coordinator.h"
#include "hub/service/admin_service.h"
#include "hub/service/desks.h"
#include "hub/service/door.h"
#include "hub/service/enrolment_service.h"
#include "hub/service/site_service.h"
#include "hub/store/audit_log.h"
#include "hub/store/run_store.h"
#include "hub/store/spool.h"

namespace consilium {

struct HubOptions {
  std::filesystem::path dir;                    // made by Hub::Init
  std::string listen = "0.0.0.0:7443";          // the sites' door; port 0: any
  std::string enrol_listen = "0.0.0.0:7444";    // the enrolment door
  std::string admin_listen;                     // the administrator's door over mutual TLS; empty: the Unix socket only
  double heartbeat_s = 5;                       // both ways; after four without a sign the other side is dead
  std::int64_t enrol_attempts_per_minute = 10;  // of one address
  const Secret* passphrase = nullptr;           // of the keys
  void Validate() const;                        // throws Error(kInvalidArgument)
};

// Where the doors are, with real ports.
struct HubAddresses {
  std::string sites, enrolment, admin_socket, admin;
};

// The hub: puts roster, round, stores and doors together and is the desk behind every door. Everything happens on the
// loop's thread; the public functions may be called from any other.
class Hub : private SiteDesk, private EnrolDesk, private AdminDesk {
 public:
  // Makes the folder: authority, keys, database. Throws Error(kAlreadyExists). Returns the authority's fingerprint.
  static std::string Init(const std::filesystem::path& dir, const std::string& federation, const Secret* passphrase);

  // Opens the folder, resumes its run, opens the doors.
  explicit Hub(const HubOptions& options, const Clock& clock = SystemClock());
  ~Hub();  // nothing is lost: a new Hub on the folder goes on
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  HubAddresses addresses() const;
  std::string fingerprint() const { return authority_.certificate().Fingerprint(); }
  bool enrolment_open();

 private:
  struct Session {
    std::shared_ptr<SiteLine> line;
    WallTime certificate_end;
    WallTime kept;  // the last sign of life in the roster
  };
  class FolderLock {
   public:
    explicit FolderLock(const std::filesystem::path& dir);  // throws Error(kUnavailable): another hub has it
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

   private:
    int file_;
  };

  // SiteDesk (hub_sites.cc)
  SiteId Admit(const std::string& certificate_pem) override;
  void Connect(const SiteId& site, const v1::Hello& hello, const std::shared_ptr<SiteLine>& line) override;
  void Receive(const SiteId& site, const v1::SiteMessage& message) override;
  void Gone(const SiteId& site, const SiteLine* line) override;
  std::filesystem::path ModelFile(const Digest& digest) override;
  void CountDown(std::uint64_t bytes) override { coordinator_.CountDown(bytes); }
  v1::UploadState Offer(const SiteId& site, const v1::UploadHeader& header) override;
  v1::UploadState Store(const SiteId& site, const v1::UploadHeader& header, const v1::Chunk& chunk) override;
  void Shut(const SiteId& site, SiteStanding standing);
  void SetData(const SiteId& site, const v1::DataSummary& data);

  // EnrolDesk (hub_sites.cc)
  void Enrol(const v1::EnrolRequest& request, const std::string& peer, const std::shared_ptr<EnrolLine>& line) override;
  void Delivered(const std::string& site) override;
  void Hung(const EnrolLine* line) override;
  void SendApproved(const SiteRecord& record, EnrolLine& line) const;
  void MoveEnrolmentDoor();

  // AdminDesk (hub_admin.cc)
  std::string AdmitAdministrator(const std::string& certificate_pem) override;
  v1::InviteReply Invite(const std::string& who, const v1::InviteRequest& request) override;
  v1::InvitationsReply Invitations() override;
  v1::InvitationView Withdraw(const std::string& who, const v1::WithdrawRequest& request) override;
  v1::SiteView Approve(const std::string& who, const v1::SiteRequest& request) override;
  v1::SiteView Suspend(const std::string& who, const v1::SiteRequest& request) override;
  v1::SiteView Revoke(const std::string& who, const v1::SiteRequest& request) override;
  v1::AddAdministratorReply AddAdministrator(const std::string& who,
                                             const v1::AddAdministratorRequest& request) override;
  v1::FederationState State(const v1::StateRequest& request) override;
  void Watch(const std::shared_ptr<StateLine>& line) override;
  void Unwatch(const StateLine* line) override;
  v1::StartRunReply StartRun(const std::string& who, const v1::StartRunRequest& request,
                             const std::filesystem::path& first_model) override;
  v1::RunView AbortRun(const std::string& who, const v1::AbortRunRequest& request) override;
  std::filesystem::path ModelFile(const v1::ModelRequest& request) override;
  v1::AuditReply Audit(const v1::AuditRequest& request) override;
  std::filesystem::path NewUploadFile() override;
  void RequireEligible(const RunPlan& plan) const;
  v1::RunView ViewOf(const RunState& run) const;
  v1::SiteView ViewOf(const SiteRecord& record) const;

  // Time and news (hub.cc)
  void Beat();
  void Changed();  // everybody who watches gets the new state soon, once
  void Push();
  std::chrono::milliseconds Grace() const;
  WallTime HeardAt(const SiteLine& line) const;  // its last sign of life

  const HubOptions options_;
  const Clock& clock_;
  FolderLock lock_;
  Authority authority_;
  Database database_;
  AuditLog audit_;
  Roster roster_;
  RunStore runs_;
  Spool spool_;
  FileStore models_;
  std::string federation_;
  AttemptLimit enrol_limit_;
  Coordinator coordinator_;
  std::map<SiteId, Session> sessions_;
  std::map<SiteId, std::int64_t> cuts_;  // how often each site's stream ended: a grace is for one cut
  std::map<SiteId, std::shared_ptr<EnrolLine>> waiting_;
  std::set<std::shared_ptr<StateLine>> watchers_;
  bool news_waiting_ = false;
  bool closing_ = false;  // the doors go: the loop leaves them alone
  std::int64_t uploads_ = 0;

  SiteService site_service_;
  EnrolmentService enrolment_service_;
  AdminService socket_service_, admin_service_;
  // The last members go first: the doors close while the loop still answers, then the loop ends, then the rest.
  EventLoop loop_;
  Door site_door_, enrolment_door_, socket_door_;
  std::optional<Door> admin_door_;
};

}  // namespace consilium
