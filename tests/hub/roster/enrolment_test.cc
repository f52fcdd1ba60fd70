// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/file_store.h"
#include "hub/roster/roster.h"
#include "hub/roster/token.h"
#include "hub/store/schema.h"
#include "tests/hub/small_run.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using testing::HasSubstr;
using testing::Not;

constexpr char kNewToken[] = "Ask the hub's administrator for a new one: consilium-hub invite NAME";

std::vector<std::byte> Request() { return MakeCertificateRequest(PrivateKey::Generate(), "any"); }

class EnrolmentTest : public testing::Test {
 protected:
  EnrolmentTest() { Restart(); }

  void Restart() {
    roster_.reset();
    database_.reset();
    if (!authority_) {
      Authority::Create(folder_.path(), "Sarcoma Network", nullptr, clock_);
      authority_.emplace(folder_.path(), nullptr, clock_);
    }
    database_.emplace(OpenHubDatabase(folder_ / "hub.sqlite"));
    roster_.emplace(*database_, *authority_, clock_);
  }
  std::string Token(const std::string& name, std::int64_t hours = 72) {
    return std::string(roster_->Invite(name, hours).token.Reveal());
  }
  // Invites, enrols and approves; the certificate as TLS shows it.
  std::string Join(const std::string& name) {
    const SiteId site = roster_->Enrol(Token(name), Request()).site;
    return roster_->Approve(site).certificate->ToPem();
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  std::optional<Authority> authority_;
  std::optional<Database> database_;
  std::optional<Roster> roster_;
};

TEST_F(EnrolmentTest, ATokenExpiresToTheMillisecond) {
  const std::string north = Token("North", 2), coast = Token("Coast", 2);
  clock_.Advance(2h - 1ms);
  EXPECT_TRUE(roster_->EnrolmentOpen());
  const auto request = Request();
  EXPECT_EQ(roster_->Enrol(north, request).site, SiteId("north"));
  clock_.Advance(1ms);
  ExpectError(ErrorCode::kUnauthenticated, std::string("the invitation token has expired\n  ") + kNewToken,
              [&] { roster_->Enrol(coast, Request()); });
  EXPECT_EQ(roster_->Enrol(north, request).site, SiteId("north"));  // it was used in time
  EXPECT_EQ(roster_->All().size(), 1U);
}

TEST_F(EnrolmentTest, ABadRequestIsRefusedAndLeavesTheTokenGood) {
  const std::string token = Token("North");
  ExpectError(ErrorCode::kInvalidArgument, "the certificate request is larger than 8 KiB",
              [&] { roster_->Enrol(token, std::vector<std::byte>((8 << 10) + 1)); });
  ExpectError(ErrorCode::kInvalidArgument, "request", [&] { roster_->Enrol(token, std::vector<std::byte>(100)); });
  const std::string rsa = (folder_ / "rsa.der").string();
  ASSERT_EQ(std::system(("openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=any -outform DER -out " +
                         rsa + " 2>/dev/null")
                            .c_str()),
            0);
  ExpectError(ErrorCode::kInvalidArgument, "RSA keys are refused", [&] { roster_->Enrol(token, ReadFile(rsa)); });
  EXPECT_TRUE(roster_->All().empty());
  EXPECT_EQ(roster_->Enrol(token, Request()).site, SiteId("north"));
}

TEST_F(EnrolmentTest, ASuspendedSiteStaysOutUntilItIsApprovedAgain) {
  const std::string pem = Join("North");
  EXPECT_EQ(roster_->Suspend(SiteId("north")).standing, SiteStanding::kSuspended);
  ExpectError(ErrorCode::kPermissionDenied, "site north is suspended\n  Call the hub's administrator.",
              [&] { roster_->RequireSite(pem); });
  ExpectError(ErrorCode::kFailedPrecondition, "north is suspended and cannot be suspended\n  Only an approved site can",
              [&] { roster_->Suspend(SiteId("north")); });
  EXPECT_EQ(roster_->Approve(SiteId("north")).certificate->ToPem(), pem);  // no new certificate
  EXPECT_EQ(roster_->RequireSite(pem), SiteId("north"));
}

TEST_F(EnrolmentTest, EnrolmentIsOpenFromTheInvitationUntilTheCertificateIsFetched) {
  EXPECT_FALSE(roster_->EnrolmentOpen());
  const std::string token = Token("North", 1);
  EXPECT_TRUE(roster_->EnrolmentOpen());
  clock_.Advance(1h);
  EXPECT_FALSE(roster_->EnrolmentOpen());  // expired
  const auto request = Request();
  const std::string again = Token("North", 2);
  roster_->Enrol(again, request);
  clock_.Advance(2h - 1ms);
  EXPECT_TRUE(roster_->EnrolmentOpen());  // it waits for the administrator
  clock_.Advance(1ms);
  EXPECT_FALSE(roster_->EnrolmentOpen());  // as long as the invitation holds, not for ever
  clock_.Advance(1000h);
  roster_->Approve(SiteId("north"));
  EXPECT_TRUE(roster_->EnrolmentOpen());  // it has yet to fetch its certificate
  clock_.Advance(72h);
  EXPECT_FALSE(roster_->EnrolmentOpen());  // nor for that for ever
  roster_->Approve(SiteId("north"));       // the administrator opens it again
  EXPECT_TRUE(roster_->EnrolmentOpen());
  EXPECT_TRUE(roster_->Enrol(again, request).certificate);
  roster_->Delivered(SiteId("north"));
  EXPECT_FALSE(roster_->EnrolmentOpen());
  roster_->Approve(SiteId("north"));  // it was lost on the way: the administrator opens once more
  EXPECT_TRUE(roster_->EnrolmentOpen());
  roster_->Seen(SiteId("north"), clock_.Wall());
  roster_->Approve(SiteId("north"));
  EXPECT_FALSE(roster_->EnrolmentOpen());  // it has been here: nothing is to be fetched
  Join("Coast");
  EXPECT_TRUE(roster_->EnrolmentOpen());
  roster_->Seen(SiteId("coast"), clock_.Wall());  // it has a session, so it has its certificate
  EXPECT_FALSE(roster_->EnrolmentOpen());
}

TEST_F(EnrolmentTest, InvitationsAreListedWithWhatBecameOfThem) {
  EXPECT_TRUE(roster_->Invitations().empty());
  Token("Coast", 1);
  const std::string hill = Token("Hill", 2);
  Join("North");
  Token("St. Mary", 72);
  roster_->Enrol(hill, Request());
  clock_.Advance(1h);
  const std::vector<InvitationRecord> all = roster_->Invitations();
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].state, InvitationState::kExpired);
  EXPECT_EQ(all[1].state, InvitationState::kWaiting);
  EXPECT_EQ(all[2].state, InvitationState::kUsed);
  EXPECT_EQ(all[3].state, InvitationState::kOpen);
  EXPECT_EQ(all[3].site, SiteId("st-mary"));
  EXPECT_EQ(all[3].display_name, "St. Mary");
  EXPECT_EQ(all[3].expires, clock_.Wall() + 71h);
  EXPECT_EQ(Name(InvitationState::kOpen), "open");
  EXPECT_EQ(Name(InvitationState::kUsed), "used");
}

TEST_F(EnrolmentTest, AnInvitationIsWithdrawnUntilItIsUsed) {
  const std::string mary = Token("St. Mary"), north = Token("North");
  EXPECT_EQ(roster_->Withdraw("St. Mary").site, SiteId("st-mary"));
  ExpectError(ErrorCode::kUnauthenticated, "the invitation token is not known here",
              [&] { roster_->Enrol(mary, Request()); });
  ExpectError(ErrorCode::kNotFound, "there is no invitation for st-mary\n  See: consilium-hub invitations",
              [&] { roster_->Withdraw("st-mary"); });
  roster_->Enrol(north, Request());
  ExpectError(ErrorCode::kFailedPrecondition,
              "the invitation of north was used\n  To put the site out: consilium-hub revoke north",
              [&] { roster_->Withdraw("North"); });
  EXPECT_EQ(roster_->Invitations().size(), 1U);
  Token("Coast", 1);
  clock_.Advance(1h);
  EXPECT_EQ(roster_->Withdraw("coast").state, InvitationState::kExpired);
}

TEST_F(EnrolmentTest, ARestartKeepsEverything) {
  const std::string north = Join("North"), ann = roster_->AddAdministrator("ann", Request()).ToPem();
  clock_.Advance(1min);
  roster_->SetData(SiteId("north"), 412, 31);
  roster_->Seen(SiteId("north"), clock_.Wall());
  Join("Coast");
  roster_->Revoke(SiteId("coast"));
  const std::string hill = Token("Hill"), valley = Token("Valley");
  const auto request = Request();
  roster_->Enrol(valley, request);
  Restart();
  const std::vector<SiteRecord> all = roster_->All();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].site, SiteId("coast"));
  EXPECT_EQ(all[0].standing, SiteStanding::kRevoked);
  EXPECT_EQ(all[1].display_name, "North");
  EXPECT_EQ(all[1].standing, SiteStanding::kApproved);
  EXPECT_EQ(all[1].training_patients, 412);
  EXPECT_EQ(all[1].validation_patients, 31);
  EXPECT_EQ(all[1].last_seen, clock_.Wall());
  EXPECT_EQ(all[1].since, clock_.Wall() - 1min);
  EXPECT_EQ(all[2].standing, SiteStanding::kWaiting);
  EXPECT_EQ(all[2].last_seen, WallTime{});
  EXPECT_EQ(roster_->RequireSite(north), SiteId("north"));
  EXPECT_EQ(roster_->RequireAdministrator(ann), "ann");
  EXPECT_EQ(roster_->Enrol(valley, request).key_fingerprint, all[2].key_fingerprint);
  EXPECT_EQ(roster_->Enrol(hill, Request()).site, SiteId("hill"));
}

TEST_F(EnrolmentTest, TheDatabaseHoldsATokensDigestAndNotTheToken) {
  const std::string token = Token("North");
  const std::string group = token.substr(5, 4), digits = TokenDigest(token).Hex();
  Statement row(*database_, "SELECT hex(token), site, display_name FROM invitations");
  ASSERT_TRUE(row.Step());
  std::string hex = row.Text(0);
  for (char& c : hex) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(hex, digits);
  for (const char* file : {"hub.sqlite", "hub.sqlite-wal"}) {
    if (std::filesystem::exists(folder_ / file)) {
      EXPECT_THAT(TextOfFile(folder_ / file), Not(HasSubstr(token.substr(5, 14)))) << group;
    }
  }
}

TEST_F(EnrolmentTest, AnUnknownSiteIsToldWhichThereAre) {
  ExpectError(ErrorCode::kNotFound, "there is no site nord\n  No site has enrolled yet: consilium-hub invite NAME",
              [&] { roster_->Get(SiteId("nord")); });
  Join("North");
  Join("Coast");
  ExpectError(ErrorCode::kNotFound, "there is no site nord\n  The sites are: coast, north",
              [&] { roster_->Approve(SiteId("nord")); });
  ExpectError(ErrorCode::kNotFound, "there is no site nord", [&] { roster_->Suspend(SiteId("nord")); });
  ExpectError(ErrorCode::kNotFound, "there is no site nord", [&] { roster_->Revoke(SiteId("nord")); });
}

}  // namespace
}  // namespace consilium
