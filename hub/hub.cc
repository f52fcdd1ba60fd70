// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/log.h"
#include "hub/store/schema.h"
#include "proto/tls.h"

namespace consilium {
namespace {

constexpr std::chrono::milliseconds kNewsDelay{50};  // what changes within this time is told once
constexpr int kHeartbeatsToDeath = 4;
constexpr auto kKeepSeen = std::chrono::minutes(1);
constexpr std::size_t kLongestSocketPath = 100;

// "Sarcoma Network" -> "sarcoma-network": the same name gives the same id, so that a run can be repeated bit for bit.
std::string FederationIdOf(const std::string& name) {
  std::string id;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128 && std::isalnum(byte) != 0) {
      id += static_cast<char>(std::tolower(byte));
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id;
}

std::string FederationName(Database& database, const char* column) {
  Statement row(database, std::string("SELECT ") + column + " FROM federation");
  if (!row.Step()) throw Error(ErrorCode::kDataLoss, "the hub's database has no federation in it");
  return row.Text(0);
}

std::string SocketAddress(const std::filesystem::path& dir) {
  const std::string path = std::filesystem::absolute(dir / "admin.sock").string();
  Require(
      path.size() <= kLongestSocketPath, "the path of the administrator's socket is too long: " + path,
      "Put the hub into a folder with a shorter path (at most " + std::to_string(kLongestSocketPath) + " characters).");
  return "unix:" + path;
}

constexpr auto kOwnerOnly = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;

// `init` closes the folder to everybody else, so it must be the hub's own: new, empty, or left by an interrupted init.
void RequireOwnFolder(const std::filesystem::path& dir) {
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.starts_with("hub.") || name.starts_with("authority.") || name.starts_with(".authority.") ||
                      name.starts_with(".hub.") || std::filesystem::exists(dir / "authority.pem");
    Require(ours, dir.string() + " holds other things (" + name.substr(0, 60) + ") and cannot be a hub's folder",
            "Name a new or an empty folder: consilium-hub init DIR --name TEXT");
  }
}

}  // namespace

void HubOptions::Validate() const {
  Require(heartbeat_s >= 0.01 && heartbeat_s <= 300, "the heartbeat must be between 0.01 and 300 seconds");
  Require(!listen.empty() && !enrol_listen.empty(), "the hub needs an address for sites and one for enrolment");
}

Hub::FolderLock::FolderLock(const std::filesystem::path& dir)
    : file_(open((dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (file_ < 0) {
    throw Error(ErrorCode::kNotFound, "cannot open the hub's folder " + dir.string(),
                "Make it first: consilium-hub init DIR --name TEXT");
  }
  if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
    close(file_);
    throw Error(ErrorCode::kUnavailable, "another hub is running on " + dir.string(), "Stop it first.");
  }
}

Hub::FolderLock::~FolderLock() { close(file_); }

std::string Hub::Init(const std::filesystem::path& dir, const std::string& federation, const Secret* passphrase) {
  Require(!FederationIdOf(federation).empty() && federation.size() <= 80,
          "a federation's name has 1 to 80 characters, letters among them");
  std::filesystem::create_directories(dir);
  RequireOwnFolder(dir);
  std::filesystem::permissions(dir, std::filesystem::perms::owner_all);
  if (!std::filesystem::exists(dir / "authority.pem")) {  // an interrupted one begins again
    Database database = OpenHubDatabase(dir / "hub.sqlite");
    Transaction transaction(database);
    database.Run("DELETE FROM federation");
    Statement insert(database, "INSERT INTO federation (name, id) VALUES (?, ?)");
    insert.Bind(1, federation).Bind(2, FederationIdOf(federation)).Execute();
    AuditLog(database, SystemClock()).Add("hub", "init", federation);
    transaction.Commit();
  }
  Authority::Create(dir, federation, passphrase, SystemClock());  // last: with it the hub is there
  return Authority(dir, passphrase, SystemClock()).certificate().Fingerprint();
}

Hub::Hub(const HubOptions& options, const Clock& clock)
    : options_((options.Validate(), options)),
      clock_(clock),
      lock_(options.dir),
      authority_(options.dir, options.passphrase, clock),
      database_(OpenHubDatabase(options.dir / "hub.sqlite")),
      audit_(database_, clock),
      roster_(database_, authority_, clock),
      runs_(database_),
      spool_(database_, options.dir / "spool"),
      models_(options.dir / "models"),
      federation_(FederationName(database_, "name")),
      enrol_limit_(options.enrol_attempts_per_minute),
      coordinator_(
          {database_, runs_, spool_, models_, audit_, loop_, clock, FederationId(FederationName(database_, "id"))},
          {[this](const SiteId& site, v1::HubMessage message) {
             const auto session = sessions_.find(site);
             if (session != sessions_.end()) session->second.line->Send(std::move(message));
           },
           [this] { Changed(); },
           [this](const SiteId& site) {
             const SiteStanding standing = roster_.Get(site).standing;
             return standing == SiteStanding::kApproved ? std::string()
                                                        : "site " + site.text() + " is " + std::string(Name(standing));
           }}),
      site_service_(loop_, *this),
      enrolment_service_(loop_, *this),
      socket_service_(loop_, *this, AdminDoor::kSocket),
      admin_service_(loop_, *this, AdminDoor::kMutualTls),
      site_door_(options.listen,
                 MutualServerCredentials({authority_.server_chain_pem(), authority_.server_key_pem()},
                                         authority_.certificate().ToPem()),
                 site_service_),
      enrolment_door_(options.enrol_listen,
                      OpenServerCredentials({authority_.server_chain_pem(), authority_.server_key_pem()}),
                      enrolment_service_),
      socket_door_(SocketAddress(options.dir), SocketCredentials(), socket_service_) {
  const std::int64_t bad = audit_.FirstBad();
  if (bad != 0) LogError("the audit chain is broken: somebody has changed the database", {{"entry", bad}});
  loop_.Call([this] { coordinator_.Resume(Grace()); });
  site_door_.Open();
  enrolment_door_.Open();  // also to learn its port; closed again at once when there is no invitation
  socket_door_.Open();     // the folder has mode 0700: nobody else can come before the next line
  std::filesystem::permissions(options_.dir / "admin.sock", kOwnerOnly);
  if (!options_.admin_listen.empty()) {
    admin_door_.emplace(options_.admin_listen,
                        MutualServerCredentials({authority_.server_chain_pem(), authority_.server_key_pem()},
                                                authority_.certificate().ToPem()),
                        admin_service_);
    admin_door_->Open();
  }
  loop_.Call([this] {
    MoveEnrolmentDoor();
    Beat();
  });
}

// The doors close while the loop still answers their calls, so the loop must not move a door any more.
Hub::~Hub() {
  loop_.Call([this] { closing_ = true; });
}

HubAddresses Hub::addresses() const {
  return {site_door_.address(), enrolment_door_.address(), socket_door_.address(),
          admin_door_ ? admin_door_->address() : std::string()};
}

bool Hub::enrolment_open() {
  return loop_.Call([this] { return enrolment_door_.open(); });
}

std::chrono::milliseconds Hub::Grace() const {
  return std::chrono::milliseconds(static_cast<std::int64_t>(options_.heartbeat_s * 1000 * kHeartbeatsToDeath));
}

WallTime Hub::HeardAt(const SiteLine& line) const {
  const auto ago = std::chrono::steady_clock::now() - line.LastHeard();
  return clock_.Wall() - std::chrono::floor<std::chrono::milliseconds>(ago);
}

// One heartbeat, one deadline: whoever was not heard for four of them is dead.
void Hub::Beat() {
  const auto now = std::chrono::steady_clock::now();
  for (auto& [site, session] : sessions_) {
    // Now and then, so that a hub that was killed knows it too.
    if (const WallTime heard = HeardAt(*session.line); heard - session.kept >= kKeepSeen) {
      roster_.Seen(site, heard);
      session.kept = heard;
    }
    if (now - session.line->LastHeard() > Grace()) {
      session.line->Hang(
          Error(ErrorCode::kDeadlineExceeded, "no sign of life from site " + site.text(), "Connect again."));
    } else if (session.certificate_end <= clock_.Wall()) {
      session.line->Hang(Error(ErrorCode::kUnauthenticated, "the certificate of site " + site.text() + " has expired",
                               "Join again with a new invitation."));
    } else {
      v1::HubMessage message;
      message.mutable_heartbeat();
      session.line->Send(std::move(message));
    }
  }
  MoveEnrolmentDoor();
  loop_.After(Grace() / kHeartbeatsToDeath, [this] { Beat(); });
}

void Hub::Changed() {
  if (std::exchange(news_waiting_, true)) return;
  loop_.After(kNewsDelay, [this] { Push(); });
}

void Hub::Push() {
  news_waiting_ = false;
  if (sessions_.empty() && watchers_.empty()) return;
  const auto state = std::make_shared<const v1::FederationState>(State({}));
  for (const auto& [site, session] : sessions_) session.line->SendState(state);
  for (const auto& watcher : watchers_) watcher->SendState(state);
}

}  // namespace consilium
