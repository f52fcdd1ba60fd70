// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "core/base/file_store.h"
#include "hub/roster/authority.h"
#include "tests/hub/small_run.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class AuthorityTest : public testing::Test {
 protected:
  void Create(const Secret* passphrase = nullptr) {
    Authority::Create(folder_.path(), "Sarcoma Network", passphrase, clock_);
  }
  Authority Open(const Secret* passphrase = nullptr) const { return Authority(folder_.path(), passphrase, clock_); }

  // What the openssl program reads in a certificate.
  std::string Openssl(const Certificate& certificate) const {
    WriteFileDurably(folder_ / "shown.pem", certificate.ToPem());
    std::FILE* pipe =
        ::popen(("openssl x509 -noout -text -in " + (folder_ / "shown.pem").string() + " 2>&1").c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer{};
    while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) text += buffer.data();
    EXPECT_EQ(pipe == nullptr ? -1 : ::pclose(pipe), 0) << text;
    return text;
  }

  TemporaryFolder folder_;
  FakeClock clock_;
};

TEST_F(AuthorityTest, MakesFourFilesAndOnlyTheOwnerReadsTheKeys) {
  Create();
  for (const char* key : {"authority.key", "hub.key"}) {
    EXPECT_EQ(std::filesystem::status(folder_ / key).permissions(), std::filesystem::perms(0600)) << key;
    EXPECT_THAT(TextOfFile(folder_ / key), HasSubstr("BEGIN PRIVATE KEY"));
  }
  const Authority authority = Open();
  EXPECT_EQ(authority.certificate().CommonName(), "Sarcoma Network");
  EXPECT_EQ(authority.certificate().Kind(), CertificateKind::kAuthority);
  EXPECT_EQ(authority.certificate().NotBefore(), clock_.Wall() - 5min);
  EXPECT_EQ(authority.certificate().NotAfter(), clock_.Wall() - 5min + days(3652));
  ExpectError(ErrorCode::kAlreadyExists, "holds a hub already\n  Start it with: consilium-hub serve",
              [&] { Create(); });
}

TEST_F(AuthorityTest, TheHubsCertificateIsForItsNameAndForServing) {
  Create();
  const std::string chain = Open().server_chain_pem();
  const Certificate server = Certificate::FromPem(chain);
  EXPECT_EQ(server.Kind(), CertificateKind::kServer);
  EXPECT_EQ(server.NotBefore(), clock_.Wall() - 5min);
  EXPECT_EQ(server.NotAfter(), clock_.Wall() - 5min + days(397));
  EXPECT_THAT(Openssl(server), AllOf(HasSubstr("DNS:consilium-hub"), HasSubstr("TLS Web Server Authentication"),
                                     HasSubstr("OU = server"), HasSubstr("ASN1 OID: prime256v1"),
                                     Not(HasSubstr("TLS Web Client Authentication"))));
  EXPECT_THAT(chain, HasSubstr(Open().certificate().ToPem()));
  EXPECT_EQ(PrivateKey::FromPem(Open().server_key_pem()).public_key(), server.public_key());
}

TEST_F(AuthorityTest, IssuesEachKindForItsTimeToAClient) {
  Create();
  const Authority authority = Open();
  const PublicKey key = PrivateKey::Generate().public_key();
  for (const CertificateKind kind : {CertificateKind::kSite, CertificateKind::kAdministrator}) {
    const Certificate issued = authority.Issue(key, "north", kind, 90);
    EXPECT_EQ(issued.Kind(), kind);
    EXPECT_EQ(issued.CommonName(), "north");
    EXPECT_EQ(issued.public_key(), key);
    EXPECT_EQ(issued.NotBefore(), clock_.Wall() - 5min);
    EXPECT_EQ(issued.NotAfter(), clock_.Wall() - 5min + days(90));
    EXPECT_NO_THROW(RequireValid(issued, authority.certificate(), kind, clock_.Wall()));
    EXPECT_THAT(Openssl(issued),
                AllOf(HasSubstr("TLS Web Client Authentication"), HasSubstr("OU = " + std::string(Name(kind))),
                      HasSubstr("CA:FALSE"), Not(HasSubstr("DNS:")), Not(HasSubstr("TLS Web Server"))));
  }
}

TEST_F(AuthorityTest, TheHubsCertificateIsRenewedInItsLastThirtyDaysForTheSameKey) {
  Create();
  const Certificate first = Certificate::FromPem(Open().server_chain_pem());
  clock_.Advance(days(397) - days(30) - 5min - 1s);  // thirty days and a second are left
  EXPECT_EQ(Certificate::FromPem(Open().server_chain_pem()).digest(), first.digest());
  clock_.Advance(1s);
  const Certificate renewed = Certificate::FromPem(Open().server_chain_pem());
  EXPECT_NE(renewed.digest(), first.digest());
  EXPECT_EQ(renewed.public_key(), first.public_key());
  EXPECT_EQ(renewed.NotAfter(), clock_.Wall() - 5min + days(397));
  EXPECT_EQ(Certificate::FromPem(TextOfFile(folder_ / "hub.pem")).digest(), renewed.digest());
  EXPECT_EQ(Certificate::FromPem(Open().server_chain_pem()).digest(), renewed.digest());
}

}  // namespace
}  // namespace consilium
