// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/roster/roster.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>

#include "core/base/error.h"
#include "hub/roster/token.h"

namespace consilium {
namespace {

constexpr std::int64_t kSiteDays = 90;
constexpr std::int64_t kAdministratorDays = 365;
constexpr std::chrono::hours kFetchTime{72};
constexpr std::size_t kRequestLimit = 8 << 10;
constexpr std::array<std::string_view, 4> kStandings = {"waiting", "approved", "suspended", "revoked"};
constexpr std::array<std::string_view, 4> kInvitationStates = {"open", "expired", "waiting", "used"};
constexpr char kColumns[] =
    "SELECT site, display_name, state, since_ms, key_fingerprint, certificate, training, validation, last_seen_ms, "
    "studies, quarantined FROM sites ";

std::int64_t Milliseconds(WallTime time) { return time.time_since_epoch().count(); }
WallTime FromMilliseconds(std::int64_t value) { return WallTime(std::chrono::milliseconds(value)); }

SiteStanding StandingFrom(const std::string& text) {
  const auto* found = std::ranges::find(kStandings, text);
  if (found == kStandings.end()) throw Error(ErrorCode::kDataLoss, "the roster holds a site in state '" + text + "'");
  return static_cast<SiteStanding>(found - kStandings.begin());
}

SiteId SiteIdFromName(const std::string& name) {
  Require(!name.empty() && name.size() <= 80, "a site's name has 1 to 80 characters");
  std::string id;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 && byte < 128) {
      id += static_cast<char>(std::tolower(byte));
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return ParseSiteId(id);
}

Error Unusable(const char* why) {
  return {ErrorCode::kUnauthenticated, std::string("the invitation token ") + why,
          "Ask the hub's administrator for a new one: consilium-hub invite NAME"};
}

}  // namespace

std::string_view Name(SiteStanding standing) { return kStandings[static_cast<std::size_t>(standing)]; }

std::string_view Name(InvitationState state) { return kInvitationStates[static_cast<std::size_t>(state)]; }

Roster::Roster(Database& database, const Authority& authority, const Clock& clock)
    : database_(database), authority_(authority), clock_(clock) {}

Invitation Roster::Invite(const std::string& name, std::int64_t hours) {
  const SiteId site = SiteIdFromName(name);
  Require(hours >= 1 && hours <= 24 * 30, "an invitation holds 1 to 720 hours, not " + std::to_string(hours));
  Statement known(database_, "SELECT state FROM sites WHERE site = ? AND state != 'revoked'");
  if (known.Bind(1, site.text()).Step()) {
    throw Error(ErrorCode::kAlreadyExists, "site " + site.text() + " is in the federation (" + known.Text(0) + ")",
                "To give it a new key, first: consilium-hub revoke " + site.text());
  }
  Invitation invitation{site, MakeToken(), clock_.Wall() + std::chrono::hours(hours)};
  const Digest digest = TokenDigest(invitation.token.Reveal());
  Transaction transaction(database_);
  Statement drop(database_, "DELETE FROM invitations WHERE site = ?");  // a newer token replaces an older one
  drop.Bind(1, site.text()).Execute();
  Statement insert(database_, "INSERT INTO invitations VALUES (?, ?, ?, ?, NULL)");
  insert.Bind(1, std::as_bytes(std::span(digest.bytes))).Bind(2, site.text()).Bind(3, name);
  insert.Bind(4, Milliseconds(invitation.expires)).Execute();
  transaction.Commit();
  return invitation;
}

std::vector<InvitationRecord> Roster::Invitations() const {
  Statement rows(database_,
                 "SELECT site, invitations.display_name, expires_ms, invitations.request IS NULL, "
                 "coalesce(state = 'waiting', 0) FROM invitations LEFT JOIN sites USING (site) ORDER BY site");
  std::vector<InvitationRecord> all;
  while (rows.Step()) {
    InvitationRecord record{SiteId(rows.Text(0)), rows.Text(1), FromMilliseconds(rows.Int(2))};
    const bool unused = rows.Int(3) != 0, waiting = rows.Int(4) != 0;
    record.state = unused    ? record.expires > clock_.Wall() ? InvitationState::kOpen : InvitationState::kExpired
                   : waiting ? InvitationState::kWaiting
                             : InvitationState::kUsed;
    all.push_back(std::move(record));
  }
  return all;
}

InvitationRecord Roster::Withdraw(const std::string& name) {
  const SiteId site = SiteIdFromName(name);
  for (InvitationRecord& record : Invitations()) {
    if (record.site != site) continue;
    if (record.state == InvitationState::kWaiting || record.state == InvitationState::kUsed) {
      throw Error(ErrorCode::kFailedPrecondition, "the invitation of " + site.text() + " was used",
                  "To put the site out: consilium-hub revoke " + site.text());
    }
    Statement drop(database_, "DELETE FROM invitations WHERE site = ?");
    drop.Bind(1, site.text()).Execute();
    return record;
  }
  throw Error(ErrorCode::kNotFound, "there is no invitation for " + site.text(), "See: consilium-hub invitations");
}

bool Roster::EnrolmentOpen() const {
  Statement open(database_,
                 "SELECT 1 FROM invitations LEFT JOIN sites USING (site) WHERE expires_ms > ? AND "
                 "(invitations.request IS NULL OR state = 'waiting' OR (state = 'approved' AND delivered = 0))");
  return open.Bind(1, Milliseconds(clock_.Wall())).Step();
}

Enrolment Roster::Enrol(std::string_view token, std::span<const std::byte> request) {
  const Digest digest = TokenDigest(token);
  Require(request.size() <= kRequestLimit, "the certificate request is larger than 8 KiB");
  const RequestInfo info = ReadCertificateRequest(request);
  Statement found(database_, "SELECT site, display_name, expires_ms, request FROM invitations WHERE token = ?");
  if (!found.Bind(1, std::as_bytes(std::span(digest.bytes))).Step()) throw Unusable("is not known here");
  const SiteId site(found.Text(0));
  if (!found.IsNull(3)) {
    if (ReadCertificateRequest(found.Blob(3)) != info) throw Unusable("was used before, with another key or name");
    const SiteRecord record = Get(site);
    if (record.standing == SiteStanding::kRevoked || record.standing == SiteStanding::kSuspended) {
      throw Error(ErrorCode::kPermissionDenied, "site " + site.text() + " is " + std::string(Name(record.standing)),
                  "Call the hub's administrator.");
    }
    return {site, record.key_fingerprint, record.certificate};
  }
  if (found.Int(2) <= Milliseconds(clock_.Wall())) throw Unusable("has expired");
  const std::string name = found.Text(1), fingerprint = info.public_key.Fingerprint();
  Transaction transaction(database_);
  Statement use(database_, "UPDATE invitations SET request = ? WHERE token = ?");
  use.Bind(1, request).Bind(2, std::as_bytes(std::span(digest.bytes))).Execute();
  Statement insert(database_,
                   "INSERT OR REPLACE INTO sites (site, display_name, state, since_ms, request, key_fingerprint) "
                   "VALUES (?, ?, 'waiting', ?, ?, ?)");
  insert.Bind(1, site.text()).Bind(2, name).Bind(3, Milliseconds(clock_.Wall()));
  insert.Bind(4, request).Bind(5, fingerprint).Execute();
  transaction.Commit();
  return {site, fingerprint, std::nullopt};
}

void Roster::Delivered(const SiteId& site) {
  Statement update(database_, "UPDATE sites SET delivered = 1 WHERE site = ?");
  update.Bind(1, site.text()).Execute();
}

SiteRecord Roster::Approve(const SiteId& site) {
  const SiteRecord record = Get(site);
  if (record.standing == SiteStanding::kRevoked) {
    throw Error(ErrorCode::kFailedPrecondition, "site " + site.text() + " is revoked",
                "A revoked key stays out. Invite the site again: consilium-hub invite " + site.text());
  }
  // The site gets time to fetch its certificate, also when the administrator was late.
  Statement prolong(database_, "UPDATE invitations SET expires_ms = max(expires_ms, ?) WHERE site = ?");
  prolong.Bind(1, Milliseconds(clock_.Wall() + kFetchTime)).Bind(2, site.text()).Execute();
  if (record.standing == SiteStanding::kApproved) {
    // One that never came may have lost its certificate on the way: it may fetch it once more.
    Statement again(database_, "UPDATE sites SET delivered = 0 WHERE site = ? AND last_seen_ms = 0");
    again.Bind(1, site.text()).Execute();
    return record;
  }
  if (record.standing == SiteStanding::kWaiting) {
    Statement request(database_, "SELECT request FROM sites WHERE site = ?");
    Ensure(request.Bind(1, site.text()).Step(), "a waiting site has a request");
    const PublicKey key = ReadCertificateRequest(request.Blob(0)).public_key;
    const Certificate certificate = authority_.Issue(key, site.text(), CertificateKind::kSite, kSiteDays);
    Statement update(database_, "UPDATE sites SET certificate = ?, delivered = 0 WHERE site = ?");
    update.Bind(1, certificate.ToDer()).Bind(2, site.text()).Execute();
  }
  SetStanding(site, SiteStanding::kApproved);
  return Get(site);
}

SiteRecord Roster::Suspend(const SiteId& site) {
  const SiteRecord record = Get(site);
  if (record.standing != SiteStanding::kApproved) {
    throw Error(ErrorCode::kFailedPrecondition,
                "site " + site.text() + " is " + std::string(Name(record.standing)) + " and cannot be suspended",
                "Only an approved site can be.");
  }
  SetStanding(site, SiteStanding::kSuspended);
  return Get(site);
}

SiteRecord Roster::Revoke(const SiteId& site) {
  (void)Get(site);
  SetStanding(site, SiteStanding::kRevoked);
  return Get(site);
}

SiteId Roster::RequireSite(const std::string& certificate_pem) const {
  const Certificate shown = Certificate::FromPem(certificate_pem);
  RequireValid(shown, authority_.certificate(), CertificateKind::kSite, clock_.Wall());
  Statement row(database_, std::string(kColumns) + "WHERE site = ?");
  const std::string name = shown.CommonName();
  if (!row.Bind(1, name).Step()) {
    throw Error(ErrorCode::kPermissionDenied, "this federation has no site " + name,
                "Join it first: consilium-site join");
  }
  const SiteRecord record = RecordOf(row);
  if (record.standing != SiteStanding::kApproved) {
    throw Error(ErrorCode::kPermissionDenied, "site " + name + " is " + std::string(Name(record.standing)),
                "Call the hub's administrator.");
  }
  if (!record.certificate || record.certificate->digest() != shown.digest()) {
    throw Error(ErrorCode::kPermissionDenied, "site " + name + " has a newer certificate than this one",
                "Use the certificate that was issued last, or join again.");
  }
  return record.site;
}

std::string Roster::RequireAdministrator(const std::string& certificate_pem) const {
  const Certificate shown = Certificate::FromPem(certificate_pem);
  RequireValid(shown, authority_.certificate(), CertificateKind::kAdministrator, clock_.Wall());
  Statement row(database_, "SELECT certificate FROM administrators WHERE name = ?");
  const std::string name = shown.CommonName();
  if (!row.Bind(1, name).Step() || !std::ranges::equal(row.Blob(0), shown.ToDer())) {
    throw Error(ErrorCode::kPermissionDenied, "this hub has no administrator " + name + " with this certificate",
                "Get a new one on the hub's machine: consilium-hub admin add NAME --out FILE");
  }
  return name;
}

Certificate Roster::AddAdministrator(const std::string& name, std::span<const std::byte> request) {
  Require(IsPlainName(name), "'" + name.substr(0, 60) + "' cannot name an administrator",
          "Use 1 to 40 lower case letters, digits and '-', such as ann.");
  Require(request.size() <= kRequestLimit, "the certificate request is larger than 8 KiB");
  const PublicKey key = ReadCertificateRequest(request).public_key;
  const Certificate certificate = authority_.Issue(key, name, CertificateKind::kAdministrator, kAdministratorDays);
  Statement insert(database_, "INSERT OR REPLACE INTO administrators VALUES (?, ?, ?)");
  insert.Bind(1, name).Bind(2, certificate.ToDer()).Bind(3, Milliseconds(clock_.Wall())).Execute();
  return certificate;
}

SiteRecord Roster::RecordOf(const Statement& row) const {
  SiteRecord record;
  record.site = SiteId(row.Text(0));
  record.display_name = row.Text(1);
  record.standing = StandingFrom(row.Text(2));
  record.since = FromMilliseconds(row.Int(3));
  record.key_fingerprint = row.Text(4);
  if (!row.IsNull(5)) record.certificate = Certificate::FromDer(row.Blob(5));
  record.training_patients = row.Int(6);
  record.validation_patients = row.Int(7);
  record.last_seen = FromMilliseconds(row.Int(8));
  if (row.Int(9) < 0) return record;
  record.studies = StudyCounts{row.Int(9), row.Int(10), {}};
  Statement reasons(database_, "SELECT reason, studies FROM quarantined WHERE site = ?");
  reasons.Bind(1, record.site.text());
  while (reasons.Step()) record.studies->reasons[reasons.Text(0)] = reasons.Int(1);
  return record;
}

void Roster::SetData(const SiteId& site, std::int64_t training, std::int64_t validation,
                     const std::optional<StudyCounts>& studies) {
  Transaction transaction(database_);
  Statement update(database_,
                   "UPDATE sites SET training = ?, validation = ?, studies = ?, quarantined = ? WHERE site = ?");
  update.Bind(1, training).Bind(2, validation).Bind(3, studies ? studies->studies : -1);
  update.Bind(4, studies ? studies->quarantined : 0).Bind(5, site.text()).Execute();
  Statement forget(database_, "DELETE FROM quarantined WHERE site = ?");
  forget.Bind(1, site.text()).Execute();
  Statement add(database_, "INSERT INTO quarantined VALUES (?, ?, ?)");
  if (studies)
    for (const auto& [reason, count] : studies->reasons)
      add.Bind(1, site.text()).Bind(2, reason).Bind(3, count).Execute();
  transaction.Commit();
}

void Roster::Seen(const SiteId& site, WallTime when) {
  Statement update(database_, "UPDATE sites SET last_seen_ms = ?, delivered = 1 WHERE site = ?");
  update.Bind(1, Milliseconds(when)).Bind(2, site.text()).Execute();
}

SiteRecord Roster::Get(const SiteId& site) const {
  Statement row(database_, std::string(kColumns) + "WHERE site = ?");
  if (row.Bind(1, site.text()).Step()) return RecordOf(row);
  std::string known;
  for (const SiteRecord& record : All()) known += (known.empty() ? "" : ", ") + record.site.text();
  throw Error(ErrorCode::kNotFound, "there is no site " + site.text(),
              known.empty() ? "No site has enrolled yet: consilium-hub invite NAME" : "The sites are: " + known);
}

std::vector<SiteRecord> Roster::All() const {
  std::vector<SiteRecord> records;
  Statement rows(database_, std::string(kColumns) + "ORDER BY site");
  while (rows.Step()) records.push_back(RecordOf(rows));
  return records;
}

void Roster::SetStanding(const SiteId& site, SiteStanding standing) {
  Statement update(database_, "UPDATE sites SET state = ?, since_ms = ? WHERE site = ?");
  update.Bind(1, Name(standing)).Bind(2, Milliseconds(clock_.Wall())).Bind(3, site.text()).Execute();
}

}  // namespace consilium
