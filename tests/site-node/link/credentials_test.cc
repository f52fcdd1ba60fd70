// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/certificate.h"
#include "core/base/file_store.h"
#include "tests/site-node/error_of.h"
#include "tests/site-node/fake_hub.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;
using testing::Not;

// The folder of a site that has joined.
class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    const SiteCredentials given = hub_.CredentialsFor("north");
    WriteFileDurably(place_.key(), given.key_pem, 0600);
    WriteFileDurably(place_.certificate(), given.certificate_pem);
    WriteFileDurably(place_.authority(), given.authority_pem);
  }
  Error Refusal(const Secret* passphrase = nullptr) const {
    return ErrorOf([&] { ReadCredentials(place_, passphrase); });
  }
  FakeHub hub_;
  TemporaryFolder scratch_;
  SiteDirectory place_{scratch_.path()};
};

TEST_F(CredentialsTest, AreReadAsTheyWereGiven) {
  const SiteCredentials credentials = ReadCredentials(place_, nullptr);
  EXPECT_EQ(Certificate::FromPem(credentials.certificate_pem).CommonName(), "north");
  EXPECT_EQ(PrivateKey::FromPem(credentials.key_pem).public_key(),
            Certificate::FromPem(credentials.certificate_pem).public_key());
}

TEST_F(CredentialsTest, EachMissingFileIsNamed) {
  for (const auto& file : {place_.key(), place_.certificate(), place_.authority()}) {
    const std::vector<std::byte> bytes = ReadFile(file);
    std::filesystem::remove(file);
    const Error error = Refusal();
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_THAT(error.what(), HasSubstr(file.filename().string() + " is missing"));
    EXPECT_THAT(error.next_step(), HasSubstr("consilium-site join"));
    WriteFileDurably(file, bytes);
  }
  EXPECT_FALSE(ReadCredentials(place_, nullptr).key_pem.empty());
}

// Without this, the hub's TLS would refuse the site with no word about why.
TEST_F(CredentialsTest, AKeyOfAnotherCertificateIsNamed) {
  WriteFileDurably(place_.key(), PrivateKey::Generate().ToPem(), 0600);
  const Error error = Refusal();
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.what(), HasSubstr("key.pem is not the key of"));
  EXPECT_THAT(error.what(), HasSubstr("certificate.pem"));
  EXPECT_THAT(error.next_step(), HasSubstr("join"));
}

TEST_F(CredentialsTest, AWrongPassphraseIsUnauthenticatedAndNotRepeated) {
  const Secret right("correct horse"), wrong("battery staple");
  WriteFileDurably(place_.key(), PrivateKey::FromPem(hub_.CredentialsFor("north").key_pem).ToPem(&right), 0600);
  for (const Secret* passphrase : {&wrong, static_cast<const Secret*>(nullptr)}) {
    const Error error = Refusal(passphrase);
    EXPECT_EQ(error.code(), ErrorCode::kUnauthenticated);
    EXPECT_THAT(error.Text(), HasSubstr("passphrase"));
    EXPECT_THAT(error.Text(), Not(HasSubstr("battery")));
  }
}

TEST_F(CredentialsTest, DamagedFilesAreErrorsInWords) {
  const std::vector<std::byte> whole = ReadFile(place_.key());
  for (const std::string& text : {std::string(), std::string("no key"), std::string(70'000, 'k')}) {
    WriteFileDurably(place_.key(), text, 0600);
    EXPECT_THAT(Refusal().what(), Not(HasSubstr("no error")));
  }
  WriteFileDurably(place_.key(), std::span(whole).first(whole.size() / 2), 0600);
  EXPECT_EQ(Refusal().code(), ErrorCode::kInvalidArgument);
  WriteFileDurably(place_.key(), whole, 0600);
  WriteFileDurably(place_.certificate(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_EQ(Refusal().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace consilium
