// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "core/base/file_store.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto kDay = std::chrono::hours(24);

// Output and exit code of a shell command: the openssl program is our judge.
struct CommandResult {
  std::string output;
  int code = -1;
};
CommandResult Shell(const std::string& command) {
  CommandResult result;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.output.append(buffer.data(), got);
  }
  result.code = ::pclose(pipe);
  return result;
}

class CertificateTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Shell("openssl version").code, 0) << "the openssl program is needed"; }

  std::string Save(const std::string& name, std::string_view text) const {
    WriteFileDurably(folder_ / name, text);
    return (folder_ / name).string();
  }
  Certificate IssueFor(CertificateKind kind, const std::string& name, const PrivateKey& key,
                       std::int64_t days = 90) const {
    return Issue(authority_, authority_key_, {key.public_key(), name, kind, days, clock_.Wall()});
  }
  CommandResult Verify(const Certificate& certificate, const std::string& purpose, const std::string& more = "") const {
    const std::string ca = Save("ca.pem", authority_.ToPem()), leaf = Save("leaf.pem", certificate.ToPem());
    return Shell("openssl verify -x509_strict -attime 1772460060 -purpose " + purpose + " " + more + " -CAfile " + ca +
                 " " + leaf);
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  PrivateKey authority_key_ = PrivateKey::Generate();
  Certificate authority_ = MakeAuthority(authority_key_, "Sarcoma Network", 10, clock_.Wall());
};

TEST_F(CertificateTest, OpensslReadsTheAuthority) {
  const auto text = Shell("openssl x509 -noout -text -in " + Save("ca.pem", authority_.ToPem())).output;
  EXPECT_THAT(text, HasSubstr("Version: 3"));
  EXPECT_THAT(text, HasSubstr("Signature Algorithm: ecdsa-with-SHA256"));
  EXPECT_THAT(text, HasSubstr("Subject: CN = Sarcoma Network, OU = authority"));
  EXPECT_THAT(text, HasSubstr("ASN1 OID: prime256v1"));
  EXPECT_THAT(text, HasSubstr("CA:TRUE, pathlen:0"));
  EXPECT_THAT(text, HasSubstr("Certificate Sign, CRL Sign"));
  EXPECT_THAT(text, HasSubstr("Not Before: Mar  2 14:00:00 2026 GMT"));
  EXPECT_THAT(text, HasSubstr("Not After : Mar  1 14:00:00 2036 GMT"));
}

TEST_F(CertificateTest, OpensslVerifiesEachKindForItsPurposeOnly) {
  const PrivateKey key = PrivateKey::Generate();
  const Certificate server = IssueFor(CertificateKind::kServer, std::string(kHubServerName), key);
  EXPECT_EQ(Verify(server, "sslserver", "-verify_hostname consilium-hub").code, 0);
  EXPECT_NE(Verify(server, "sslserver", "-verify_hostname consilium-site").code, 0);
  EXPECT_NE(Verify(server, "sslclient").code, 0);
  for (const auto kind : {CertificateKind::kSite, CertificateKind::kAdministrator, CertificateKind::kReader}) {
    const Certificate client = IssueFor(kind, "north", key);
    EXPECT_EQ(Verify(client, "sslclient").code, 0) << Verify(client, "sslclient").output;
    EXPECT_NE(Verify(client, "sslserver").code, 0);
    const auto text = Shell("openssl x509 -noout -text -in " + (folder_ / "leaf.pem").string()).output;
    EXPECT_THAT(text, HasSubstr("Subject: CN = north, OU = " + std::string(Name(kind))));
    EXPECT_THAT(text, HasSubstr("CA:FALSE"));
    EXPECT_EQ(client.Kind(), kind);
  }
}

TEST_F(CertificateTest, OpensslRefusesAForeignAuthorityAndAnExpiredCertificate) {
  const PrivateKey key = PrivateKey::Generate(), other_key = PrivateKey::Generate();
  const Certificate other = MakeAuthority(other_key, "Sarcoma Network", 10, clock_.Wall());
  const Certificate foreign =
      Issue(other, other_key, {key.public_key(), "north", CertificateKind::kSite, 90, clock_.Wall()});
  EXPECT_NE(Verify(foreign, "sslclient").code, 0);
  const Certificate old = Issue(authority_, authority_key_,
                                {key.public_key(), "north", CertificateKind::kSite, 1, clock_.Wall() - 2 * kDay});
  EXPECT_THAT(Verify(old, "sslclient").output, HasSubstr("certificate has expired"));
}

TEST_F(CertificateTest, FingerprintIsOpenssls) {
  const std::string pem = Save("ca.pem", authority_.ToPem());
  // sha256 Fingerprint=7B:1E:9C:... : ours has '-' after each second byte, and ends after 16.
  std::string expected = Shell("openssl x509 -noout -sha256 -fingerprint -in " + pem).output;
  expected = expected.substr(expected.find('=') + 1, 47);
  for (std::size_t i = 5; i < expected.size(); i += 6) expected[i] = '-';
  EXPECT_EQ(authority_.Fingerprint(), expected);
  EXPECT_EQ(authority_.Fingerprint().size(), 47u);
}

TEST_F(CertificateTest, RequestsGoBothWaysWithOpenssl) {
  const PrivateKey key = PrivateKey::Generate();
  const auto der = MakeCertificateRequest(key, "st-mary");
  WriteFileDurably(folder_ / "ours.der", der);
  const auto shown = Shell("openssl req -inform DER -verify -noout -text -in " + (folder_ / "ours.der").string());
  EXPECT_EQ(shown.code, 0);
  EXPECT_THAT(shown.output, HasSubstr("verify OK"));
  EXPECT_THAT(shown.output, HasSubstr("Subject: CN = st-mary"));
  const std::string at = folder_.path().string();
  ASSERT_EQ(Shell("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + at +
                  "/k.pem -subj /CN=coast -outform DER -out " + at + "/theirs.der")
                .code,
            0);
  const RequestInfo info = ReadCertificateRequest(ReadFile(folder_ / "theirs.der"));
  EXPECT_EQ(info.common_name, "coast");
  const auto pem = ReadFile(folder_ / "k.pem");
  EXPECT_EQ(PrivateKey::FromPem({reinterpret_cast<const char*>(pem.data()), pem.size()}).public_key(), info.public_key);
}

TEST_F(CertificateTest, RsaAndOtherCurvesAreRefused) {
  const std::string at = folder_.path().string();
  const auto request = [&](const std::string& newkey) {
    EXPECT_EQ(Shell("openssl req -new -newkey " + newkey + " -nodes -keyout " + at +
                    "/k.pem -subj /CN=coast -outform DER -out " + at + "/r.der")
                  .code,
              0);
    return ReadFile(folder_ / "r.der");
  };
  const auto rsa = request("rsa:2048");
  ExpectError(ErrorCode::kInvalidArgument,
              "RSA keys are refused: the key in a certificate request must be an EC P-256 key",
              [&] { ReadCertificateRequest(rsa); });
  const auto pem = ReadFile(folder_ / "k.pem");
  ExpectError(ErrorCode::kInvalidArgument, "RSA keys are refused", [&] {
    PrivateKey::FromPem({reinterpret_cast<const char*>(pem.data()), pem.size()});
  });
  const auto curve = request("ec -pkeyopt ec_paramgen_curve:P-384");
  ExpectError(ErrorCode::kInvalidArgument, "must be an EC P-256 key", [&] { ReadCertificateRequest(curve); });
  const auto edwards = request("ed25519");
  ExpectError(ErrorCode::kInvalidArgument, "must be an EC P-256 key", [&] { ReadCertificateRequest(edwards); });
}

TEST_F(CertificateTest, AForgedRequestIsRefused) {
  auto der = MakeCertificateRequest(PrivateKey::Generate(), "north");
  der.back() ^= std::byte{1};
  ExpectError(ErrorCode::kInvalidArgument, "certificate request", [&] { ReadCertificateRequest(der); });
  // Another name under the same signature.
  der = MakeCertificateRequest(PrivateKey::Generate(), "north");
  for (std::size_t i = 0; i + 5 < der.size(); ++i) {
    if (std::equal(der.begin() + static_cast<std::ptrdiff_t>(i), der.begin() + static_cast<std::ptrdiff_t>(i) + 5,
                   reinterpret_cast<const std::byte*>("north"))) {
      der[i] = std::byte{'N'};
    }
  }
  ExpectError(ErrorCode::kInvalidArgument, "the certificate request is not signed by its own key",
              [&] { ReadCertificateRequest(der); });
}

TEST_F(CertificateTest, EveryCutOrFlippedByteIsAnErrorOrAnotherCertificate) {
  const auto request = MakeCertificateRequest(PrivateKey::Generate(), "north");
  const auto der = IssueFor(CertificateKind::kSite, "north", PrivateKey::Generate()).ToDer();
  int refused = 0;
  for (std::size_t i = 0; i < der.size(); ++i) {
    auto bad = der;
    bad[i] ^= std::byte{0x55};
    try {
      RequireValid(Certificate::FromDer(bad), authority_, CertificateKind::kSite, clock_.Wall());
      ADD_FAILURE() << "a flipped byte at " << i << " went through";
    } catch (const Error&) {
      ++refused;
    }
    EXPECT_THROW(Certificate::FromDer(std::span(der).first(i)), Error);
  }
  EXPECT_EQ(refused, static_cast<int>(der.size()));
  for (std::size_t i = 0; i < request.size(); ++i) {
    EXPECT_THROW(ReadCertificateRequest(std::span(request).first(i)), Error);
  }
}

TEST_F(CertificateTest, KeysTravelAsPemWithAndWithoutPassphrase) {
  const PrivateKey key = PrivateKey::Generate();
  const std::string plain = key.ToPem();
  EXPECT_EQ(PrivateKey::FromPem(plain).public_key(), key.public_key());
  const Secret passphrase("correct horse");
  const std::string encrypted = key.ToPem(&passphrase);
  EXPECT_THAT(encrypted, HasSubstr("BEGIN ENCRYPTED PRIVATE KEY"));
  EXPECT_THAT(encrypted, Not(HasSubstr(plain.substr(30, 40))));
  EXPECT_EQ(PrivateKey::FromPem(encrypted, &passphrase).public_key(), key.public_key());
  const Secret wrong("wrong horse");
  ExpectError(ErrorCode::kUnauthenticated, "the passphrase does not open the private key",
              [&] { PrivateKey::FromPem(encrypted, &wrong); });
  ExpectError(ErrorCode::kUnauthenticated,
              "is encrypted, and no passphrase was given\n  Give the right file with --passphrase-file.",
              [&] { PrivateKey::FromPem(encrypted); });
  EXPECT_EQ(Shell("openssl ec -noout -passin 'pass:correct horse' -in " + Save("k.pem", encrypted)).code, 0);
  ExpectError(ErrorCode::kInvalidArgument, "it is no PEM key", [] { PrivateKey::FromPem("hello"); });
}

TEST_F(CertificateTest, DerAndPemRoundTrip) {
  const Certificate certificate = IssueFor(CertificateKind::kSite, "north", PrivateKey::Generate());
  EXPECT_EQ(Certificate::FromDer(certificate.ToDer()).digest(), certificate.digest());
  EXPECT_EQ(Certificate::FromPem(certificate.ToPem()).digest(), certificate.digest());
  EXPECT_EQ(certificate.CommonName(), "north");
  EXPECT_EQ(certificate.NotBefore(), clock_.Wall());
  EXPECT_EQ(certificate.NotAfter(), clock_.Wall() + 90 * kDay);
  auto longer = certificate.ToDer();
  longer.push_back(std::byte{0});
  ExpectError(ErrorCode::kInvalidArgument, "it is no X.509 DER", [&] { Certificate::FromDer(longer); });
  ExpectError(ErrorCode::kInvalidArgument, "more than 64 KiB",
              [] { Certificate::FromDer(std::vector<std::byte>(65537)); });
  ExpectError(ErrorCode::kInvalidArgument, "it is no X.509 PEM", [] { Certificate::FromPem(""); });
}

TEST_F(CertificateTest, TwoCertificatesOfOneNameHaveDifferentSerials) {
  const PrivateKey key = PrivateKey::Generate();
  EXPECT_NE(IssueFor(CertificateKind::kSite, "north", key).digest(),
            IssueFor(CertificateKind::kSite, "north", key).digest());
}

TEST_F(CertificateTest, RequireValidSaysWhyNot) {
  const PrivateKey key = PrivateKey::Generate(), other_key = PrivateKey::Generate();
  const Certificate site = IssueFor(CertificateKind::kSite, "north", key);
  const auto refused = [&](std::string_view words, const Certificate& certificate, CertificateKind kind, WallTime now) {
    ExpectError(ErrorCode::kUnauthenticated, words, [&] { RequireValid(certificate, authority_, kind, now); });
  };
  RequireValid(site, authority_, CertificateKind::kSite, clock_.Wall() + 89 * kDay);
  refused("the certificate of 'north' is for a site, not for an administrator", site, CertificateKind::kAdministrator,
          clock_.Wall());
  refused("the certificate of 'north' expired at 2026-05-31T14:00:00.000Z", site, CertificateKind::kSite,
          clock_.Wall() + 91 * kDay);
  refused("is valid only from 2026-03-02T14:00:00.000Z\n  Check this machine's clock.", site, CertificateKind::kSite,
          clock_.Wall() - kDay);
  const Certificate other = MakeAuthority(other_key, "Sarcoma Network", 10, clock_.Wall());
  const Certificate foreign =
      Issue(other, other_key, {key.public_key(), "north", CertificateKind::kSite, 90, clock_.Wall()});
  refused("the certificate of 'north' was not issued by 'Sarcoma Network'", foreign, CertificateKind::kSite,
          clock_.Wall());
  // A site's certificate is no authority, whatever it signs.
  const Certificate child =
      Issue(authority_, authority_key_, {key.public_key(), "x", CertificateKind::kSite, 90, clock_.Wall()});
  ExpectError(ErrorCode::kUnauthenticated, "was not issued by 'x'",
              [&] { RequireValid(site, child, CertificateKind::kSite, clock_.Wall()); });
}

TEST_F(CertificateTest, IssuingRefusesNonsense) {
  const PrivateKey key = PrivateKey::Generate();
  const auto refused = [&](std::string_view words, CertificateTerms terms) {
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { Issue(authority_, authority_key_, terms); });
  };
  const CertificateTerms good{key.public_key(), "north", CertificateKind::kSite, 90, clock_.Wall()};
  CertificateTerms terms = good;
  terms.common_name = std::string(65, 'n');
  refused("must have 1 to 64 bytes", terms);
  terms = good;
  terms.common_name = "nor\nth";
  refused("no control characters", terms);
  terms = good;
  terms.days = 0;
  refused("valid for 1 day to 50 years", terms);
  terms = good;
  terms.kind = CertificateKind::kAuthority;
  refused("an authority issues no other authority", terms);
  terms = good;
  terms.kind = CertificateKind::kServer;
  refused("a server certificate is for consilium-hub or consilium-site, not for 'north'", terms);
  terms = good;
  terms.public_key.der.resize(10);
  refused("the public key cannot be read", terms);
  ExpectError(ErrorCode::kInvalidArgument, "the authority's key is not the one of its certificate",
              [&] { Issue(authority_, key, good); });
}

TEST_F(CertificateTest, ACertificateOfAnotherKindOfIssuerHasNoKind) {
  const std::string at = folder_.path().string();
  ASSERT_EQ(Shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + at +
                  "/k.pem -subj /CN=x -out " + at + "/c.pem")
                .code,
            0);
  const auto pem = ReadFile(folder_ / "c.pem");
  const Certificate certificate = Certificate::FromPem({reinterpret_cast<const char*>(pem.data()), pem.size()});
  ExpectError(ErrorCode::kPermissionDenied, "does not say what it may be used for", [&] { certificate.Kind(); });
}

}  // namespace
}  // namespace consilium
