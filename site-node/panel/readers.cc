// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/panel/readers.h"

#include <fmt/format.h>

#include <chrono>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/ids.h"

namespace consilium {
namespace {

constexpr std::string_view kMigrations[] = {R"sql(
CREATE TABLE readers(
  name TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL, not_after_ms INTEGER NOT NULL);
)sql"};
constexpr std::int64_t kReaderDays = 365, kServerDays = 90, kAuthorityYears = 20;
constexpr std::chrono::minutes kClockTolerance{5};

PrivateKey OpenKey(const std::filesystem::path& file, const Secret* passphrase) {
  if (!std::filesystem::exists(file)) WriteFileDurably(file, PrivateKey::Generate().ToPem(passphrase), 0600);
  return PrivateKey::FromPem(ReadTextFile(file), passphrase);
}

Certificate OpenAuthority(const std::filesystem::path& file, const PrivateKey& key, WallTime now) {
  if (!std::filesystem::exists(file)) {
    const Certificate made = MakeAuthority(key, "Consilium readers", kAuthorityYears, now - kClockTolerance);
    WriteFileDurably(file, made.ToPem());
  }
  return Certificate::FromPem(ReadTextFile(file));
}

std::filesystem::path MadeFolder(const std::filesystem::path& dir) {
  std::filesystem::create_directories(dir);
  return dir;
}

}  // namespace

Readers::Readers(const std::filesystem::path& dir, const Secret* passphrase, Clock& clock)
    : clock_(clock),
      database_(MadeFolder(dir) / "readers.sqlite", kMigrations),
      key_(OpenKey(dir / "authority-key.pem", passphrase)),
      authority_(OpenAuthority(dir / "authority.pem", key_, clock.Wall())) {}

ReaderFile Readers::Add(const std::string& name, const std::string& site, const std::string& panel) {
  Require(IsPlainName(name), fmt::format("'{}' cannot name a reader", name.substr(0, 60)),
          "Use 1 to 40 lower case letters, digits and '-', such as dr-lee.");
  const PrivateKey key = PrivateKey::Generate();
  const Certificate certificate =
      Issue(authority_, key_,
            {key.public_key(), name, CertificateKind::kReader, kReaderDays, clock_.Wall() - kClockTolerance});
  std::lock_guard lock(mutex_);
  Statement known(database_, "SELECT 1 FROM readers WHERE name = ?");
  known.Bind(1, name);
  if (known.Step()) {
    throw Error(ErrorCode::kAlreadyExists, fmt::format("there is a reader {} already", name),
                fmt::format("Choose another name, or first: consilium-site reader remove {}", name));
  }
  Statement add(database_, "INSERT INTO readers(name, digest, fingerprint, not_after_ms) VALUES(?,?,?,?)");
  add.Bind(1, name).Bind(2, certificate.digest().Hex()).Bind(3, certificate.Fingerprint());
  add.Bind(4, std::int64_t{certificate.NotAfter().time_since_epoch().count()}).Execute();
  return {panel, site, name, authority_.ToPem(), certificate.ToPem(), key.ToPem()};
}

void Readers::Remove(const std::string& name) {
  std::lock_guard lock(mutex_);
  Statement remove(database_, "DELETE FROM readers WHERE name = ?");
  remove.Bind(1, name).Execute();
  if (database_.Changes() == 0) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no reader {}", name),
                "See who there is: consilium-site reader list");
  }
}

std::vector<Reader> Readers::List() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT name, fingerprint, not_after_ms FROM readers ORDER BY name");
  std::vector<Reader> readers;
  while (read.Step()) readers.push_back({read.Text(0), read.Text(1), WallTime(std::chrono::milliseconds(read.Int(2)))});
  return readers;
}

void Readers::RequireReader(const std::string& certificate_pem) {
  const Certificate certificate = Certificate::FromPem(certificate_pem);
  RequireValid(certificate, authority_, CertificateKind::kReader, clock_.Wall());
  std::lock_guard lock(mutex_);
  Statement known(database_, "SELECT 1 FROM readers WHERE digest = ?");
  known.Bind(1, certificate.digest().Hex());
  if (!known.Step()) {
    throw Error(ErrorCode::kPermissionDenied, "this reader was removed and may not look at the panel any more",
                "Ask the hospital's IT for a new reader file: consilium-site reader add NAME --out FILE");
  }
}

Readers::ServerIdentity Readers::MakeServerIdentity() {
  const PrivateKey key = PrivateKey::Generate();
  const Certificate certificate = Issue(authority_, key_,
                                        {key.public_key(), std::string(kPanelServerName), CertificateKind::kServer,
                                         kServerDays, clock_.Wall() - kClockTolerance});
  return {certificate.ToPem() + authority_.ToPem(), key.ToPem(), authority_.ToPem()};
}

}  // namespace consilium
