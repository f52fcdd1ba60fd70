// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Who may come in, with what, and for how long.
#include "hub/roster/roster.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "hub/roster/attempt_limit.h"
#include "hub/store/schema.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;

class RosterTest : public testing::Test {
 protected:
  RosterTest() {
    Authority::Create(folder_.path(), "Test network", nullptr, clock_);
    Open();
  }
  // As after a restart of the hub.
  void Open() {
    roster_.reset();
    authority_.emplace(folder_.path(), nullptr, clock_);
    database_.emplace(OpenHubDatabase(folder_ / "hub.sqlite"));
    roster_ = std::make_unique<Roster>(*database_, *authority_, clock_);
  }
  Enrolment Enrol(const Invitation& invitation, const PrivateKey& key) {
    return roster_->Enrol(invitation.token.Reveal(), MakeCertificateRequest(key, "whatever the site says"));
  }
  // A site that was invited, has asked, and is approved.
  Certificate Join(const std::string& name) {
    const Invitation invitation = roster_->Invite(name, 72);
    Enrol(invitation, key_);
    return *roster_->Approve(invitation.site).certificate;
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  const PrivateKey key_ = PrivateKey::Generate();
  std::optional<Authority> authority_;
  std::optional<Database> database_;
  std::unique_ptr<Roster> roster_;
};

TEST_F(RosterTest, ASiteIsNamedInThePlainLettersOfItsName) {
  EXPECT_EQ(roster_->Invite("St. Mary", 72).site.text(), "st-mary");
  EXPECT_EQ(roster_->Invite("  Klinik  am Ring 3 ", 1).site.text(), "klinik-am-ring-3");
  ExpectError(ErrorCode::kInvalidArgument, "'' cannot name a site", [&] { roster_->Invite("...", 72); });
  ExpectError(ErrorCode::kInvalidArgument, "1 to 80 characters", [&] { roster_->Invite("", 72); });
  ExpectError(ErrorCode::kInvalidArgument, "1 to 80 characters", [&] { roster_->Invite(std::string(81, 'a'), 72); });
  ExpectError(ErrorCode::kInvalidArgument, "1 to 720 hours, not 0", [&] { roster_->Invite("north", 0); });
  ExpectError(ErrorCode::kInvalidArgument, "1 to 720 hours, not 721", [&] { roster_->Invite("north", 721); });
}

TEST_F(RosterTest, TheDoorIsOpenOnlyWhileSomebodyIsExpected) {
  EXPECT_FALSE(roster_->EnrolmentOpen());
  const Invitation invitation = roster_->Invite("north", 2);
  EXPECT_TRUE(roster_->EnrolmentOpen());
  clock_.Advance(2h);
  EXPECT_FALSE(roster_->EnrolmentOpen());  // it has expired
  const Invitation again = roster_->Invite("north", 2);
  Enrol(again, key_);
  EXPECT_TRUE(roster_->EnrolmentOpen());  // the site waits for approval
  clock_.Advance(2h);
  EXPECT_FALSE(roster_->EnrolmentOpen());  // but not longer than its invitation holds
  roster_->Approve(again.site);
  EXPECT_TRUE(roster_->EnrolmentOpen());  // and then for its certificate
  roster_->Delivered(again.site);
  EXPECT_FALSE(roster_->EnrolmentOpen());
}

TEST_F(RosterTest, ATokenWorksOnceAndInItsTime) {
  const Invitation first = roster_->Invite("north", 72), newer = roster_->Invite("north", 72);
  ExpectError(ErrorCode::kUnauthenticated, "the invitation token is not known here", [&] { Enrol(first, key_); });
  const Enrolment enrolment = Enrol(newer, key_);
  EXPECT_EQ(enrolment.site.text(), "north");
  EXPECT_EQ(enrolment.key_fingerprint, key_.public_key().Fingerprint());
  EXPECT_FALSE(enrolment.certificate);
  ExpectError(ErrorCode::kUnauthenticated,
              "was used before, with another key or name\n  Ask the hub's administrator for a new one",
              [&] { Enrol(newer, PrivateKey::Generate()); });

  const Invitation late = roster_->Invite("coast", 1);
  clock_.Advance(1h);
  ExpectError(ErrorCode::kUnauthenticated, "the invitation token has expired", [&] { Enrol(late, key_); });
  EXPECT_EQ(roster_->All().size(), 1U);
}

TEST_F(RosterTest, TheSameKeyResumesAlsoAfterARestart) {
  const Invitation invitation = roster_->Invite("north", 72);
  const std::vector<std::byte> request = MakeCertificateRequest(key_, "north");
  EXPECT_NE(MakeCertificateRequest(key_, "north"), request);  // each signature is another
  EXPECT_FALSE(roster_->Enrol(invitation.token.Reveal(), request).certificate);
  EXPECT_FALSE(roster_->Enrol(invitation.token.Reveal(), request).certificate);
  Open();
  EXPECT_FALSE(roster_->Enrol(invitation.token.Reveal(), MakeCertificateRequest(key_, "north")).certificate);
  EXPECT_EQ(roster_->All().size(), 1U);
  for (const auto& other :
       {MakeCertificateRequest(PrivateKey::Generate(), "north"), MakeCertificateRequest(key_, "another name")}) {
    ExpectError(ErrorCode::kUnauthenticated, "was used before, with another key or name",
                [&] { roster_->Enrol(invitation.token.Reveal(), other); });
  }
  roster_->Approve(invitation.site);
  Open();
  const Enrolment enrolment = roster_->Enrol(invitation.token.Reveal(), MakeCertificateRequest(key_, "north"));
  ASSERT_TRUE(enrolment.certificate);
  EXPECT_EQ(enrolment.certificate->public_key(), key_.public_key());
  roster_->Suspend(invitation.site);
  ExpectError(ErrorCode::kPermissionDenied, "site north is suspended",
              [&] { roster_->Enrol(invitation.token.Reveal(), request); });
}

TEST_F(RosterTest, ARequestThatIsNoneChangesNothing) {
  const Invitation invitation = roster_->Invite("north", 72);
  const std::string token(invitation.token.Reveal());
  ExpectError(ErrorCode::kInvalidArgument, "the certificate request cannot be read",
              [&] { roster_->Enrol(token, std::vector<std::byte>(100)); });
  ExpectError(ErrorCode::kInvalidArgument, "larger than 8 KiB",
              [&] { roster_->Enrol(token, std::vector<std::byte>((8 << 10) + 1)); });
  std::vector<std::byte> forged = MakeCertificateRequest(key_, "north");
  forged.back() ^= std::byte{1};  // of its signature
  ExpectError(ErrorCode::kInvalidArgument, "is not signed by its own key", [&] { roster_->Enrol(token, forged); });
  EXPECT_TRUE(roster_->All().empty());
  EXPECT_EQ(Enrol(invitation, key_).site.text(), "north");
}

TEST_F(RosterTest, TheCertificateNamesTheInvitedSiteNotWhatTheRequestSays) {
  const Certificate certificate = Join("North");
  EXPECT_EQ(certificate.CommonName(), "north");
  EXPECT_EQ(certificate.Kind(), CertificateKind::kSite);
  EXPECT_EQ(certificate.public_key(), key_.public_key());
  // X.509 counts in seconds; five minutes back, because clocks differ.
  EXPECT_EQ(std::chrono::floor<std::chrono::seconds>(certificate.NotBefore()),
            std::chrono::floor<std::chrono::seconds>(clock_.Wall() - 5min));
  EXPECT_EQ(certificate.NotAfter() - certificate.NotBefore(), std::chrono::days(90));
  EXPECT_EQ(roster_->RequireSite(certificate.ToPem()).text(), "north");
}

TEST_F(RosterTest, ASiteIsLetInOnlyWhileApprovedAndWithItsNewestCertificate) {
  const Certificate certificate = Join("north");
  roster_->Suspend(SiteId("north"));
  ExpectError(ErrorCode::kPermissionDenied, "site north is suspended\n  Call the hub's administrator",
              [&] { roster_->RequireSite(certificate.ToPem()); });
  ExpectError(ErrorCode::kFailedPrecondition, "is suspended and cannot be suspended",
              [&] { roster_->Suspend(SiteId("north")); });
  roster_->Approve(SiteId("north"));
  EXPECT_EQ(roster_->RequireSite(certificate.ToPem()).text(), "north");  // the same certificate works again
  roster_->Revoke(SiteId("north"));
  Open();
  ExpectError(ErrorCode::kPermissionDenied, "site north is revoked",
              [&] { roster_->RequireSite(certificate.ToPem()); });
  ExpectError(ErrorCode::kFailedPrecondition, "A revoked key stays out. Invite the site again",
              [&] { roster_->Approve(SiteId("north")); });

  clock_.Advance(1min);
  const Certificate newer = Join("north");  // a revoked site may be invited again
  EXPECT_EQ(roster_->RequireSite(newer.ToPem()).text(), "north");
  ExpectError(ErrorCode::kPermissionDenied, "has a newer certificate than this one",
              [&] { roster_->RequireSite(certificate.ToPem()); });
}

TEST_F(RosterTest, CertificatesOfAnotherKindTimeOrAuthorityAreRefused) {
  const Certificate site = Join("north");
  const auto reader = authority_->Issue(key_.public_key(), "north", CertificateKind::kReader, 90);
  ExpectError(ErrorCode::kUnauthenticated, "is for a reader, not for a site",
              [&] { roster_->RequireSite(reader.ToPem()); });
  ExpectError(ErrorCode::kUnauthenticated, "is for a site, not for an administrator",
              [&] { roster_->RequireAdministrator(site.ToPem()); });

  const PrivateKey foreign_key = PrivateKey::Generate();
  const Certificate foreign = MakeAuthority(foreign_key, "Test network", 1, clock_.Wall() - 5min);
  const Certificate forged =
      Issue(foreign, foreign_key, {key_.public_key(), "north", CertificateKind::kSite, 90, clock_.Wall() - 5min});
  ExpectError(ErrorCode::kUnauthenticated, "was not issued by 'Test network'",
              [&] { roster_->RequireSite(forged.ToPem()); });

  const auto nobody = authority_->Issue(key_.public_key(), "nobody", CertificateKind::kSite, 90);
  ExpectError(ErrorCode::kPermissionDenied, "this federation has no site nobody",
              [&] { roster_->RequireSite(nobody.ToPem()); });
  clock_.Advance(std::chrono::days(91));
  ExpectError(ErrorCode::kUnauthenticated, "the certificate of 'north' expired at",
              [&] { roster_->RequireSite(site.ToPem()); });
}

TEST_F(RosterTest, OnlyTheNewestCertificateOfAnAdministratorCounts) {
  const auto request = MakeCertificateRequest(key_, "x");
  const Certificate first = roster_->AddAdministrator("ann", request);
  EXPECT_EQ(first.Kind(), CertificateKind::kAdministrator);
  EXPECT_EQ(roster_->RequireAdministrator(first.ToPem()), "ann");
  clock_.Advance(2s);
  const Certificate second = roster_->AddAdministrator("ann", request);
  EXPECT_EQ(roster_->RequireAdministrator(second.ToPem()), "ann");
  ExpectError(ErrorCode::kPermissionDenied, "no administrator ann with this certificate",
              [&] { roster_->RequireAdministrator(first.ToPem()); });
  ExpectError(ErrorCode::kInvalidArgument, "'Ann Smith' cannot name an administrator",
              [&] { roster_->AddAdministrator("Ann Smith", request); });
}

TEST_F(RosterTest, KeepsWhatSitesSayAndNamesThoseThereAre) {
  Join("north");
  Join("coast");
  EXPECT_EQ(roster_->Get(SiteId("north")).training_patients, -1);  // not said yet
  EXPECT_FALSE(roster_->Get(SiteId("north")).studies);
  roster_->SetData(SiteId("north"), 12, 3, StudyCounts{20, 5, {{"no-suv", 4}, {"label", 1}}});
  roster_->SetData(SiteId("north"), 12, 3, StudyCounts{20, 4, {{"no-suv", 4}}});
  clock_.Advance(1h);
  roster_->Seen(SiteId("north"), clock_.Wall());
  Open();
  const SiteRecord north = roster_->Get(SiteId("north"));
  EXPECT_EQ(north.training_patients, 12);
  EXPECT_EQ(north.validation_patients, 3);
  EXPECT_EQ(north.studies, (StudyCounts{20, 4, {{"no-suv", 4}}}));
  EXPECT_EQ(north.last_seen, clock_.Wall());
  EXPECT_EQ(north.display_name, "north");
  ASSERT_EQ(roster_->All().size(), 2U);
  EXPECT_EQ(roster_->All().front().site.text(), "coast");
  ExpectError(ErrorCode::kNotFound, "coast, north", [&] { roster_->Get(SiteId("valley")); });
  ExpectError(ErrorCode::kAlreadyExists, "site north is in the federation (approved)",
              [&] { roster_->Invite("North", 72); });
}

TEST(AttemptLimit, RemembersAThousandAddressesAndThenLetsNewOnesWait) {
  AttemptLimit limit(5);
  const MonotonicTime start{};
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.Allow("10.0.0." + std::to_string(i), start));
  EXPECT_FALSE(limit.Allow("10.1.0.1", start + 59s));
  EXPECT_TRUE(limit.Allow("10.0.0.7", start + 59s));  // those it knows go on
  EXPECT_TRUE(limit.Allow("10.1.0.1", start + 60s));
}

}  // namespace
}  // namespace consilium
