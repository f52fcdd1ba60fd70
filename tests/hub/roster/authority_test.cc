// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/roster/authority.h"

#include <gtest/gtest.h>

#include <chrono>

#include "core/base/file_store.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

std::string Text(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = ReadFile(file);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::filesystem::perms Mode(const std::filesystem::path& file) { return std::filesystem::status(file).permissions(); }

TEST(Authority, KeysAreTheOwnersAloneAndEncryptedWithAPassphrase) {
  const TemporaryFolder plain, locked;
  const FakeClock clock;
  const Secret passphrase("correct horse");
  Authority::Create(plain.path(), "Network", nullptr, clock);
  Authority::Create(locked.path(), "Network", &passphrase, clock);
  for (const char* key : {"authority.key", "hub.key"}) {
    EXPECT_EQ(Mode(plain / key), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(Mode(locked / key), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(Text(plain / key).rfind("-----BEGIN PRIVATE KEY-----", 0), 0U);
    EXPECT_EQ(Text(locked / key).rfind("-----BEGIN ENCRYPTED PRIVATE KEY-----", 0), 0U);
  }
  EXPECT_NO_THROW(Authority(locked.path(), &passphrase, clock));
  const Secret wrong("wrong horse");
  ExpectError(ErrorCode::kUnauthenticated, "passphrase", [&] { Authority(locked.path(), &wrong, clock); });
  ExpectError(ErrorCode::kUnauthenticated, "passphrase", [&] { Authority(locked.path(), nullptr, clock); });
}

TEST(Authority, IsMadeOnceAndItsAbsenceHasANextStep) {
  const TemporaryFolder folder;
  const FakeClock clock;
  ExpectError(ErrorCode::kNotFound, "Make the hub first: consilium-hub init DIR --name TEXT",
              [&] { Authority(folder.path(), nullptr, clock); });
  Authority::Create(folder.path(), "Network", nullptr, clock);
  const std::string before = Text(folder / "authority.pem");
  ExpectError(ErrorCode::kAlreadyExists, "holds a hub already",
              [&] { Authority::Create(folder.path(), "Another", nullptr, clock); });
  EXPECT_EQ(Text(folder / "authority.pem"), before);
}

TEST(Authority, TheHubsCertificateIsRenewedInItsLastMonthForTheSameKey) {
  const TemporaryFolder folder;
  FakeClock clock;
  Authority::Create(folder.path(), "Network", nullptr, clock);
  const auto server = [&] { return Certificate::FromPem(Authority(folder.path(), nullptr, clock).server_chain_pem()); };
  const Certificate first = server();
  EXPECT_EQ(first.CommonName(), kHubServerName);
  EXPECT_EQ(first.Kind(), CertificateKind::kServer);
  clock.Advance(std::chrono::days(397 - 31));
  EXPECT_EQ(server().digest(), first.digest());
  clock.Advance(std::chrono::days(2));
  const Certificate renewed = server();
  EXPECT_NE(renewed.digest(), first.digest());
  EXPECT_EQ(renewed.public_key(), first.public_key());
  EXPECT_GT(renewed.NotAfter(), first.NotAfter());
  EXPECT_EQ(server().digest(), renewed.digest());  // it was kept
  const Authority authority(folder.path(), nullptr, clock);
  EXPECT_NO_THROW(RequireValid(renewed, authority.certificate(), CertificateKind::kServer, clock.Wall()));
}

}  // namespace
}  // namespace consilium
