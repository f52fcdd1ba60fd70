// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/roster/authority.h"

#include <chrono>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"

namespace consilium {
namespace {

using std::chrono::minutes;
constexpr std::int64_t kAuthorityYears = 10;
constexpr std::int64_t kServerDays = 397;
constexpr std::chrono::days kRenewBefore{30};
constexpr std::uint64_t kPemLimit = 64 << 10;

std::string ReadText(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    throw Error(ErrorCode::kNotFound, "there is no " + file.string(),
                "Make the hub first: consilium-hub init DIR --name TEXT");
  }
  return ReadTextFile(file, kPemLimit);
}

Certificate IssueServer(const Certificate& authority, const PrivateKey& authority_key, const PublicKey& key,
                        const Clock& clock) {
  return Issue(authority, authority_key,
               {key, std::string(kHubServerName), CertificateKind::kServer, kServerDays, clock.Wall() - minutes(5)});
}

}  // namespace

void Authority::Create(const std::filesystem::path& dir, const std::string& federation, const Secret* passphrase,
                       const Clock& clock) {
  if (std::filesystem::exists(dir / "authority.pem")) {
    throw Error(ErrorCode::kAlreadyExists, dir.string() + " holds a hub already",
                "Start it with: consilium-hub serve " + dir.string());
  }
  const PrivateKey authority_key = PrivateKey::Generate(), server_key = PrivateKey::Generate();
  const Certificate authority = MakeAuthority(authority_key, federation, kAuthorityYears, clock.Wall() - minutes(5));
  const Certificate server = IssueServer(authority, authority_key, server_key.public_key(), clock);
  WriteFileDurably(dir / "authority.key", authority_key.ToPem(passphrase), 0600);
  WriteFileDurably(dir / "hub.key", server_key.ToPem(passphrase), 0600);
  WriteFileDurably(dir / "hub.pem", server.ToPem());
  WriteFileDurably(dir / "authority.pem", authority.ToPem());  // last: with it the authority is there
}

Authority::Authority(const std::filesystem::path& dir, const Secret* passphrase, const Clock& clock)
    : clock_(clock),
      authority_(Certificate::FromPem(ReadText(dir / "authority.pem"))),
      authority_key_(PrivateKey::FromPem(ReadText(dir / "authority.key"), passphrase)),
      server_key_(PrivateKey::FromPem(ReadText(dir / "hub.key"), passphrase)),
      server_(Certificate::FromPem(ReadText(dir / "hub.pem"))) {
  if (server_.NotAfter() - clock.Wall() > kRenewBefore) return;
  server_ = IssueServer(authority_, authority_key_, server_key_.public_key(), clock);
  WriteFileDurably(dir / "hub.pem", server_.ToPem());
}

Certificate Authority::Issue(const PublicKey& key, const std::string& common_name, CertificateKind kind,
                             std::int64_t days) const {
  return consilium::Issue(authority_, authority_key_, {key, common_name, kind, days, clock_.Wall() - minutes(5)});
}

}  // namespace consilium
