// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <sstream>

#include "core/base/file_store.h"
#include "site-node/link/credentials.h"
#include "tests/site-node/error_of.h"
#include "tests/site-node/fake_hub.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;
using testing::Not;

class JoinTest : public testing::Test {
 protected:
  JoinTest() {
    hub_.on_enrol = [this](const v1::EnrolRequest& request) {
      const std::scoped_lock lock(mutex_);
      token_ = request.token();
      const std::string& der = request.certificate_request_der();
      const RequestInfo info = ReadCertificateRequest(std::as_bytes(std::span(der)));
      v1::EnrolReply reply;
      key_ = info.public_key;
      if (goes_away_) return reply;  // as when the line is cut while it waits
      if (refusal_.empty()) {
        const auto certificate = hub_.IssueFor("north", info.public_key).ToDer();
        const auto authority = hub_.authority().ToDer();
        reply.mutable_approved()->set_site("north");
        reply.mutable_approved()->set_federation("Test federation");
        reply.mutable_approved()->set_certificate_der(certificate.data(), certificate.size());
        reply.mutable_approved()->set_authority_der(authority.data(), authority.size());
      } else {
        reply.set_refused(refusal_);
      }
      return reply;
    };
  }

  JoinOptions Options(bool with_fingerprint = true) const {
    JoinOptions options;
    options.hub = hub_.address();
    options.enrol = hub_.enrol_address();
    options.token = Secret("CONS-TOKEN");
    if (with_fingerprint) options.fingerprint = hub_.authority().Fingerprint();
    return options;
  }
  void Join(const JoinOptions& options, const std::string& typed = "", bool is_terminal = false) {
    std::istringstream in(typed);
    out_.str("");
    consilium::Join(place_, options, {in, out_, is_terminal});
  }
  bool MadeNothing() const { return !std::filesystem::exists(place_.key()); }

  // The hub answers on a thread of its own.
  template <typename Change>
  auto AtTheHub(Change change) {
    const std::scoped_lock lock(mutex_);
    return change();
  }
  void Refuse(const std::string& words) {
    AtTheHub([&] { refusal_ = words; });
  }
  std::string Token() {
    return AtTheHub([&] { return token_; });
  }
  PublicKey Key() {
    return AtTheHub([&] { return key_; });
  }

  std::mutex mutex_;  // of the four at the end
  FakeHub hub_;
  TemporaryFolder scratch_;
  SiteDirectory place_{scratch_.path()};
  std::ostringstream out_;
  std::string token_, refusal_;
  PublicKey key_;
  bool goes_away_ = false;
};

TEST_F(JoinTest, MakesTheKeyHerePinsTheHubAndStoresTheCertificate) {
  Join(Options());
  EXPECT_EQ(Token(), "CONS-TOKEN");
  EXPECT_THAT(out_.str(), HasSubstr("not encrypted"));
  EXPECT_THAT(out_.str(), HasSubstr("Approved: this is site north of Test federation"));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(place_.key()).permissions(), perms::owner_read | perms::owner_write);
  const SiteCredentials credentials = ReadCredentials(place_, nullptr);
  EXPECT_EQ(Certificate::FromPem(credentials.authority_pem).digest(), hub_.authority().digest());
  EXPECT_EQ(Certificate::FromPem(credentials.certificate_pem).public_key(),
            PrivateKey::FromPem(credentials.key_pem).public_key());
  EXPECT_EQ(ReadSettings(place_).hub, hub_.address());
  EXPECT_EQ(ReadSettings(place_).site, "north");
}

TEST_F(JoinTest, TheKeyNeverTravels) {
  Join(Options());
  const SiteCredentials credentials = ReadCredentials(place_, nullptr);
  EXPECT_THAT(hub_.seen().bytes, Not(HasSubstr("PRIVATE KEY")));
  EXPECT_THAT(hub_.seen().bytes, HasSubstr("CONS-TOKEN"));
}

TEST_F(JoinTest, APassphraseEncryptsTheKey) {
  JoinOptions options = Options();
  options.passphrase = Secret("correct horse");
  Join(options);
  const auto pem = ReadFile(place_.key());
  EXPECT_THAT(std::string(reinterpret_cast<const char*>(pem.data()), pem.size()), HasSubstr("ENCRYPTED"));
  EXPECT_EQ(ErrorOf([&] { ReadCredentials(place_, nullptr); }).code(), ErrorCode::kUnauthenticated);
  const Secret passphrase("correct horse");
  EXPECT_THAT(ReadCredentials(place_, &passphrase).key_pem, HasSubstr("PRIVATE KEY"));
}

TEST_F(JoinTest, AnotherFingerprintStopsBeforeAnythingIsSent) {
  JoinOptions options = Options();
  options.fingerprint = "00:11-22:33-44:55-66:77";
  const Error error = ErrorOf([&] { Join(options); });
  EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.next_step(), HasSubstr("called the hub's administrator"));
  EXPECT_THAT(error.next_step(), HasSubstr(hub_.authority().Fingerprint()));
  EXPECT_TRUE(hub_.seen().bytes.empty());
  EXPECT_TRUE(MadeNothing());
}

TEST_F(JoinTest, AFingerprintTypedWithoutItsSignsIsTheSame) {
  JoinOptions options = Options();
  std::string bare;
  for (const char c : *options.fingerprint)
    if (std::isxdigit(static_cast<unsigned char>(c)))
      bare.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  options.fingerprint = bare;
  Join(options);
  EXPECT_TRUE(std::filesystem::exists(place_.certificate()));
}

TEST_F(JoinTest, WithoutATerminalItAsksForNothingAndSaysWhatIsMissing) {
  EXPECT_THAT(ErrorOf([&] { Join(Options(false)); }).next_step(), HasSubstr("--fingerprint"));
  JoinOptions no_token = Options();
  no_token.token.reset();
  EXPECT_THAT(ErrorOf([&] { Join(no_token); }).next_step(), HasSubstr("--token-file"));
  EXPECT_TRUE(MadeNothing());
}

TEST_F(JoinTest, OnATerminalThePersonComparesTheFingerprint) {
  EXPECT_THAT(ErrorOf([&] { Join(Options(false), "n\n", true); }).what(), HasSubstr("not confirmed"));
  EXPECT_TRUE(hub_.seen().bytes.empty());
  JoinOptions options = Options(false);
  options.token.reset();
  Join(options, "y\nCONS-TYPED\n", true);
  EXPECT_THAT(out_.str(), HasSubstr(hub_.authority().Fingerprint()));
  EXPECT_EQ(Token(), "CONS-TYPED");
}

TEST_F(JoinTest, ARefusalIsPassedOnAndTheKeyIsKeptForTheNextTry) {
  Refuse("this token was used before");
  EXPECT_THAT(ErrorOf([&] { Join(Options()); }).what(), HasSubstr("this token was used before"));
  EXPECT_FALSE(std::filesystem::exists(place_.certificate()));
  const auto key = ReadFile(place_.key());
  Refuse("");
  Join(Options());
  EXPECT_EQ(ReadFile(place_.key()), key);
}

TEST_F(JoinTest, AfterACutTheSameCommandGoesOnAndAsksNothing) {
  AtTheHub([&] { goes_away_ = true; });
  const Error cut = ErrorOf([&] { Join(Options()); });
  EXPECT_EQ(cut.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(cut.what(), HasSubstr("went away before it had decided"));
  EXPECT_THAT(cut.next_step(), HasSubstr("Run the same command again: it goes on with the same key and invitation."));
  EXPECT_THAT(out_.str(), HasSubstr("Asked for a certificate; your fingerprint is " + Key().Fingerprint()));
  const PublicKey first = Key();
  using std::filesystem::perms;
  for (const auto& secret : {place_.key(), place_.invitation()})
    EXPECT_EQ(std::filesystem::status(secret).permissions(), perms::owner_read | perms::owner_write) << secret;
  JoinOptions bare = Options(false);  // neither token nor fingerprint, and nobody at the terminal
  bare.token.reset();
  EXPECT_EQ(ErrorOf([&] { Join(bare); }).code(), ErrorCode::kUnavailable);
  EXPECT_THAT(out_.str(), HasSubstr("Going on with the join that was interrupted: same key, same invitation."));
  EXPECT_THAT(out_.str(), HasSubstr("Still waiting; your fingerprint is " + first.Fingerprint()));
  AtTheHub([&] { goes_away_ = false; });
  AtTheHub([&] { token_.clear(); });
  Join(bare);
  EXPECT_EQ(Token(), "CONS-TOKEN");
  EXPECT_EQ(Key(), first);
  EXPECT_TRUE(std::filesystem::exists(place_.certificate()));
  EXPECT_FALSE(std::filesystem::exists(place_.invitation())) << "the token has done its work";
}

TEST_F(JoinTest, AnotherHubIsNotTakenForTheOneOfTheInterruptedJoin) {
  AtTheHub([&] { goes_away_ = true; });
  EXPECT_THROW(Join(Options()), Error);
  const FakeHub other;
  JoinOptions options = Options(false);
  options.enrol = other.enrol_address();
  options.token.reset();
  EXPECT_THAT(ErrorOf([&] { Join(options); }).what(), HasSubstr("nobody is here to compare the hub's fingerprint"));
}

TEST_F(JoinTest, ARefusedInvitationIsForgottenSoThatTheNextTryAsksForAnother) {
  AtTheHub([&] { goes_away_ = true; });
  EXPECT_THROW(Join(Options()), Error);
  AtTheHub([&] { goes_away_ = false; });
  Refuse("site north is revoked");
  EXPECT_EQ(ErrorOf([&] { Join(Options()); }).code(), ErrorCode::kPermissionDenied);
  Refuse("");
  JoinOptions options = Options();
  options.token.reset();
  Join(options, "CONS-NEW\n", true);
  EXPECT_EQ(Token(), "CONS-NEW");
}

TEST_F(JoinTest, SwappedPortsAreToldAsSuch) {
  JoinOptions options = Options();
  std::swap(options.hub, options.enrol);
  const Error swapped = ErrorOf([&] { Join(options); });
  EXPECT_THAT(swapped.what(), HasSubstr(hub_.address() + " is a port for those who have joined"));
  EXPECT_THAT(swapped.next_step(), HasSubstr("swapped"));
  options = Options();
  options.hub = options.enrol;
  EXPECT_THAT(ErrorOf([&] { Join(options); }).what(), HasSubstr("is an enrolment port, not a hub's port for sites"));
  const FakeHub other;
  options.hub = other.address();
  EXPECT_THAT(ErrorOf([&] { Join(options); }).what(), HasSubstr("are not doors of one hub"));
  EXPECT_TRUE(hub_.seen().bytes.empty());
  EXPECT_TRUE(MadeNothing());
}

TEST_F(JoinTest, ASilentSitesPortIsNotedAndDoesNotStopTheJoin) {
  JoinOptions options = Options();
  options.hub = "127.0.0.1:1";
  options.connect_timeout_s = 0.3;
  Join(options);
  EXPECT_THAT(out_.str(), HasSubstr("Note: nothing answers at 127.0.0.1:1 now."));
  EXPECT_TRUE(std::filesystem::exists(place_.certificate()));
}

TEST_F(JoinTest, OneJoinAtATime) {
  const DirectoryLock other(place_, "test");
  EXPECT_THAT(ErrorOf([&] { Join(Options()); }).what(), HasSubstr("it cannot join twice"));
}

TEST_F(JoinTest, ASiteJoinsOnce) {
  Join(Options());
  EXPECT_EQ(ErrorOf([&] { Join(Options()); }).code(), ErrorCode::kAlreadyExists);
}

TEST_F(JoinTest, ACertificateForAnotherKeyIsNotTaken) {
  hub_.on_enrol = [this](const v1::EnrolRequest&) {
    const auto certificate = hub_.IssueFor("north", PrivateKey::Generate().public_key()).ToDer();
    v1::EnrolReply reply;
    reply.mutable_approved()->set_site("north");
    reply.mutable_approved()->set_certificate_der(certificate.data(), certificate.size());
    return reply;
  };
  EXPECT_THAT(ErrorOf([&] { Join(Options()); }).what(), HasSubstr("another key"));
  EXPECT_FALSE(std::filesystem::exists(place_.certificate()));
}

TEST_F(JoinTest, NobodyThereIsUnavailable) {
  JoinOptions options = Options();
  options.connect_timeout_s = 0.3;
  hub_.Stop();
  EXPECT_EQ(ErrorOf([&] { Join(options); }).code(), ErrorCode::kUnavailable);
}

TEST(Credentials, ASiteThatHasNotJoinedIsToldHow) {
  const TemporaryFolder scratch;
  const Error error = ErrorOf([&] { ReadCredentials(SiteDirectory(scratch.path()), nullptr); });
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.next_step(), HasSubstr("consilium-site join"));
}

TEST(Credentials, AnExpiredCertificateIsToldBeforeTheHubIsDialled) {
  const TemporaryFolder scratch;
  const SiteDirectory place(scratch.path());
  const FakeHub hub;
  const SiteCredentials expired = hub.CredentialsFor("north", 10);  // issued 30 days ago
  WriteFileDurably(place.key(), expired.key_pem, 0600);
  WriteFileDurably(place.certificate(), expired.certificate_pem);
  WriteFileDurably(place.authority(), expired.authority_pem);
  const Error error = ErrorOf([&] { ReadCredentials(place, nullptr); });
  EXPECT_EQ(error.code(), ErrorCode::kUnauthenticated);
  EXPECT_THAT(error.what(), HasSubstr("expired"));
}

}  // namespace
}  // namespace consilium
