// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/certificate.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/secret.h"
#include "core/base/sqlite.h"
#include "core/data/study_counts.h"
#include "hub/roster/authority.h"

namespace consilium {

enum class SiteStanding { kWaiting, kApproved, kSuspended, kRevoked };
std::string_view Name(SiteStanding standing);

struct SiteRecord {
  SiteId site;
  std::string display_name;
  SiteStanding standing = SiteStanding::kWaiting;
  WallTime since;
  std::string key_fingerprint;
  std::optional<Certificate> certificate;
  std::int64_t training_patients = -1;  // -1: the site has not said yet
  std::int64_t validation_patients = 0;
  WallTime last_seen;                       // the epoch: never
  std::optional<StudyCounts> studies = {};  // nothing: not said
};

struct Invitation {
  SiteId site;
  Secret token;  // to be shown once
  WallTime expires;
};

// kWaiting: used, and the site waits for approval.
enum class InvitationState { kOpen, kExpired, kWaiting, kUsed };
std::string_view Name(InvitationState state);

struct InvitationRecord {
  SiteId site;
  std::string display_name;
  WallTime expires;
  InvitationState state = InvitationState::kOpen;
};

// What became of an enrolment. Refusals are exceptions with words.
struct Enrolment {
  SiteId site;
  std::string key_fingerprint;
  std::optional<Certificate> certificate;  // nothing: waiting for the administrator
};

// Who belongs to the federation: sites, their invitations and certificates, and administrators. The hub's thread only.
class Roster {
 public:
  Roster(Database& database, const Authority& authority, const Clock& clock);

  // "St. Mary" becomes st-mary. Throws Error(kAlreadyExists) when that site is enrolled (unless it is revoked).
  Invitation Invite(const std::string& name, std::int64_t hours);
  std::vector<InvitationRecord> Invitations() const;  // by site; the newest of each
  // Takes back an invitation that was not used: its token is unknown from now on. `name` as it was invited, or the
  // site's. Throws Error(kNotFound), Error(kFailedPrecondition) when it was used.
  InvitationRecord Withdraw(const std::string& name);
  // True while a token may still be used, a site waits for approval, or an issued certificate was not yet fetched, and
  // no longer than the invitation holds (an approval prolongs it by three days): only then is the enrolment door open.
  bool EnrolmentOpen() const;

  // A token works once, for one key; the same token with the same key and name resumes, whatever the signature of its
  // request (ECDSA never signs twice alike). Throws Error(kUnauthenticated) for a token that is unknown, expired or
  // used by another key, Error(kInvalidArgument) for a malformed token or request.
  Enrolment Enrol(std::string_view token, std::span<const std::byte> request);
  void Delivered(const SiteId& site);  // the certificate reached the site

  // Issues the certificate. A suspended site comes back; one that never connected may fetch its certificate again.
  SiteRecord Approve(const SiteId& site);
  SiteRecord Suspend(const SiteId& site);
  SiteRecord Revoke(const SiteId& site);  // for good; it needs a new invitation

  // The site behind a certificate that TLS has accepted. Throws Error(kPermissionDenied, kUnauthenticated) in words.
  SiteId RequireSite(const std::string& certificate_pem) const;
  std::string RequireAdministrator(const std::string& certificate_pem) const;
  Certificate AddAdministrator(const std::string& name, std::span<const std::byte> request);

  void SetData(const SiteId& site, std::int64_t training, std::int64_t validation,
               const std::optional<StudyCounts>& studies = {});
  void Seen(const SiteId& site, WallTime when);  // the site gave a sign of life
  SiteRecord Get(const SiteId& site) const;      // throws Error(kNotFound) naming the sites there are
  std::vector<SiteRecord> All() const;           // by name

 private:
  SiteRecord RecordOf(const Statement& row) const;
  void SetStanding(const SiteId& site, SiteStanding standing);

  Database& database_;
  const Authority& authority_;
  const Clock& clock_;
};

}  // namespace consilium
