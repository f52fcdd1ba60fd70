// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Who gets through which door, and what the others are told. The oracle for TLS is openssl's own client.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "core/base/certificate.h"
#include "core/base/file_store.h"
#include "hub/console/admin_client.h"
#include "hub/roster/authority.h"
#include "proto/codec.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_federation.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;

// What `openssl s_client` says of a handshake with the kit's certificate.
std::string Handshake(const std::string& address, const std::string& version, const SiteKit& kit) {
  const TemporaryFolder folder;
  const std::string pem = (folder / "me.pem").string();
  std::ofstream(pem) << kit.identity.certificate_pem << kit.identity.key_pem;
  const std::string command = "openssl s_client -connect " + address + " " + version + " -alpn h2 -cert " + pem +
                              " -key " + pem + " </dev/null 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer{};
  while (pipe != nullptr && fgets(buffer.data(), buffer.size(), pipe) != nullptr) text += buffer.data();
  if (pipe != nullptr) pclose(pipe);
  return text;
}

// The state of a call to the sites' door with these credentials.
grpc::Status CallSites(const std::string& address, const std::string& authority, const std::optional<TlsIdentity>& me) {
  const auto stub = v1::Site::NewStub(MakeChannel(address, kHubServerName, ClientCredentials(authority, me)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 5s);
  v1::UploadHeader header;
  v1::UploadState state;
  return stub->Offer(&context, header, &state);
}

// The state of a call to the administrator's door with these credentials.
grpc::Status CallAdmin(const std::string& address, const std::string& authority, const std::optional<TlsIdentity>& me) {
  const auto stub = v1::Admin::NewStub(MakeChannel(address, kHubServerName, ClientCredentials(authority, me)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 5s);
  v1::FederationState state;
  return stub->State(&context, {}, &state);
}

TEST(Doors, SpeakTls13AndNothingOlder) {
  TestFederation federation([](HubOptions& options) { options.admin_listen = "127.0.0.1:0"; });
  const SiteKit kit = federation.Join("North");
  federation.Invite("Coast");  // opens the enrolment door
  const HubAddresses at = federation.hub().addresses();
  for (const std::string& door : {at.sites, at.enrolment, at.admin}) {
    const std::string new_one = Handshake(door, "-tls1_3", kit), old_one = Handshake(door, "-tls1_2", kit);
    EXPECT_NE(new_one.find("New, TLSv1.3"), std::string::npos) << new_one;
    EXPECT_EQ(old_one.find("New, TLSv1.2"), std::string::npos) << old_one;
    EXPECT_NE(old_one.find("New, (NONE), Cipher is (NONE)"), std::string::npos) << old_one;  // the line is dropped
  }
}

TEST(Doors, TheSitesDoorAnswersOnlyItsSites) {
  TestFederation federation([](HubOptions& options) { options.admin_listen = "127.0.0.1:0"; });
  const SiteKit kit = federation.Join("North");
  const std::string door = federation.hub().addresses().sites;
  // Without, with a foreign, with an expired certificate: no reply at all.
  EXPECT_EQ(CallSites(door, kit.authority_pem, std::nullopt).error_code(), grpc::StatusCode::UNAVAILABLE);
  const WallTime now = SystemClock().Wall();
  const PrivateKey key = PrivateKey::Generate(), foreign_key = PrivateKey::Generate();
  const Certificate foreign = MakeAuthority(foreign_key, "Other", 1, now - 1h);
  const Certificate forged =
      Issue(foreign, foreign_key, {key.public_key(), "north", CertificateKind::kSite, 90, now - 1h});
  EXPECT_EQ(CallSites(door, kit.authority_pem, TlsIdentity{forged.ToPem() + foreign.ToPem(), key.ToPem()}).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  const auto text = [&](const char* name) {
    const auto bytes = ReadFile(federation.dir() / name);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const Certificate authority = Certificate::FromPem(text("authority.pem"));
  const PrivateKey authority_key = PrivateKey::FromPem(text("authority.key"));
  const auto issued = [&](CertificateKind kind, WallTime from) {
    const Certificate made = Issue(authority, authority_key, {key.public_key(), "north", kind, 1, from});
    return TlsIdentity{made.ToPem() + authority.ToPem(), key.ToPem()};
  };
  EXPECT_EQ(CallSites(door, kit.authority_pem, issued(CertificateKind::kSite, now - 48h)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  // Ours, but not this door's or not this site's: refused in words.
  const grpc::Status admin = CallSites(door, kit.authority_pem, issued(CertificateKind::kAdministrator, now - 1h));
  EXPECT_EQ(admin.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_NE(admin.error_message().find("administrator"), std::string::npos) << admin.error_message();
  const grpc::Status second = CallSites(door, kit.authority_pem, issued(CertificateKind::kSite, now - 1h));
  EXPECT_EQ(second.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(second.error_message().find("has a newer certificate"), std::string::npos) << second.error_message();
  // The right one gets as far as its own mistake; then it is suspended, comes back, and is revoked.
  EXPECT_EQ(CallSites(door, kit.authority_pem, kit.identity).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  federation.Suspend("north");
  EXPECT_EQ(CallSites(door, kit.authority_pem, kit.identity).error_message(), "site north is suspended");
  federation.Approve("north");
  EXPECT_EQ(CallSites(door, kit.authority_pem, kit.identity).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  federation.Revoke("north");
  const grpc::Status revoked = CallSites(door, kit.authority_pem, kit.identity);
  EXPECT_EQ(revoked.error_message(), "site north is revoked");
  EXPECT_EQ(revoked.error_details(), "Call the hub's administrator.");
  ExpectError(ErrorCode::kFailedPrecondition, "Invite the site again", [&] { federation.Approve("north"); });
  EXPECT_EQ(federation.Join("North").site, "north");
}

// The roster is asked when a call begins; this one began before.
TEST(Doors, AnUploadThatIsUnderWayEndsWhenItsSiteIsSuspended) {
  TestFederation federation;
  const SiteKit kit = federation.Join("North");
  EmulatorOptions slow = federation.At(10, 1);
  slow.work = 60s;
  SiteEmulator north(kit, slow), coast(federation.Join("Coast"), slow);
  const std::string run = federation.Start(TinyPlan(1, 2), {}, true);
  ASSERT_TRUE(north.WaitFor([](const SiteEmulator& site) { return !site.orders.empty(); }));
  const GlobalModel model = federation.Model(run);
  const SubmissionId id{RunId(run), RoundNumber(1), SiteId("north"), 1};
  ModelUpdate update;
  update.id = id;
  update.base = model.digest;
  update.metrics.steps = 1;
  update.metrics.samples = 10;
  update.delta = model.parameters;
  const auto bytes = SerializeUpdate(update);
  const std::string file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const v1::UploadHeader header = ToMessage(id, DigestOf(file), file.size());
  const auto stub = v1::Site::NewStub(MakeChannel(federation.hub().addresses().sites, kHubServerName,
                                                  ClientCredentials(kit.authority_pem, kit.identity)));
  const auto held = [&] {
    grpc::ClientContext context;
    v1::UploadState state;
    EXPECT_TRUE(stub->Offer(&context, header, &state).ok());
    return state.offset();
  };
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20s);
  v1::UploadState state;
  const auto upload = stub->Upload(&context, &state);
  v1::UploadMessage message;
  *message.mutable_header() = header;
  upload->Write(message);
  message.mutable_chunk()->set_data(file.substr(0, 100));
  upload->Write(message);
  for (int i = 0; i < 1000 && held() == 0; ++i) std::this_thread::sleep_for(10ms);
  ASSERT_GT(held(), 0U) << "the first piece never came down";
  federation.Suspend("north");
  message.mutable_chunk()->set_offset(100);
  message.mutable_chunk()->set_data(file.substr(100));
  upload->Write(message);
  upload->WritesDone();
  const grpc::Status status = upload->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(status.error_message(), "site north is suspended");
  federation.Abort("enough");
}

TEST(Doors, TheAdministratorsDoorTakesAdministratorsOnly) {
  TestFederation federation([](HubOptions& options) { options.admin_listen = "127.0.0.1:0"; });
  const SiteKit kit = federation.Join("North");
  const HubAddresses at = federation.hub().addresses();
  const std::string file = (federation.dir() / "ann.pem").string();
  AdminClient(at.admin_socket, {}).AddAdministrator("ann", file);
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(AdminClient(at.admin, file).State({}).sites_size(), 1);
  ExpectError(ErrorCode::kInvalidArgument, "consilium-hub admin add", [&] { AdminClient(at.admin, {}); });
  const std::string site_file = (federation.dir() / "site.pem").string();
  std::ofstream(site_file) << kit.identity.key_pem << kit.identity.certificate_pem;
  ExpectError(ErrorCode::kUnauthenticated, "administrator", [&] { AdminClient(at.admin, site_file).State({}); });
  // The same name again: the older certificate is no longer good.
  AdminClient(at.admin_socket, {}).AddAdministrator("ann", (federation.dir() / "ann2.pem").string());
  ExpectError(ErrorCode::kPermissionDenied, "no administrator ann with this certificate",
              [&] { AdminClient(at.admin, file).State({}); });
  EXPECT_EQ(std::filesystem::status(at.admin_socket.substr(5)).permissions(), std::filesystem::perms(0600));
}

TEST(Doors, TheAdministratorsDoorIsSilentToStrangers) {
  TestFederation federation([](HubOptions& options) { options.admin_listen = "127.0.0.1:0"; });
  const std::string door = federation.hub().addresses().admin;
  const auto text = [&](const char* name) {
    const auto bytes = ReadFile(federation.dir() / name);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const Certificate authority = Certificate::FromPem(text("authority.pem"));
  const PrivateKey authority_key = PrivateKey::FromPem(text("authority.key")), key = PrivateKey::Generate();
  const WallTime now = SystemClock().Wall();
  const auto issued = [&](const Certificate& by, const PrivateKey& with, WallTime from) {
    const Certificate made = Issue(by, with, {key.public_key(), "ann", CertificateKind::kAdministrator, 1, from});
    return TlsIdentity{made.ToPem() + by.ToPem(), key.ToPem()};
  };
  const PrivateKey foreign_key = PrivateKey::Generate();
  const Certificate foreign = MakeAuthority(foreign_key, "Other", 1, now - 1h);
  // Without, with a foreign, with an expired certificate: no reply at all.
  for (const std::optional<TlsIdentity>& me :
       {std::optional<TlsIdentity>(), std::optional(issued(foreign, foreign_key, now - 1h)),
        std::optional(issued(authority, authority_key, now - 48h))}) {
    const grpc::Status status = CallAdmin(door, authority.ToPem(), me);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  }
  // Ours, but no administrator that was added: refused in words.
  const grpc::Status unknown = CallAdmin(door, authority.ToPem(), issued(authority, authority_key, now - 1h));
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(unknown.error_message().find("no administrator ann with this certificate"), std::string::npos);
}

TEST(Doors, EnrolmentIsOpenOnlyWhileAnInvitationIs) {
  TestFederation federation;
  const std::string door = federation.hub().addresses().enrolment;
  EXPECT_FALSE(federation.hub().enrolment_open());
  ExpectError(ErrorCode::kUnavailable, "no TLS 1.3 answer", [&] { PresentedCertificates(door, 1); });
  const v1::InviteReply invitation = federation.Invite("St. Mary");
  EXPECT_EQ(invitation.site(), "st-mary");
  EXPECT_TRUE(federation.hub().enrolment_open());
  EXPECT_EQ(Certificate::FromPem(PresentedCertificates(door).chain.back()).Fingerprint(), invitation.fingerprint());
  const auto request = MakeCertificateRequest(PrivateKey::Generate(), "any");
  ExpectError(ErrorCode::kInvalidArgument, "a character is wrong or missing",
              [&] { EnrolWith(door, "CONS-0000", request, {}); });
  ExpectError(ErrorCode::kInvalidArgument, "request",
              [&] { EnrolWith(door, invitation.token(), std::vector<std::byte>(100), {}); });
  const SiteKit kit = EnrolSite(door, invitation.token(), [&] { federation.Approve("st-mary"); });
  EXPECT_EQ(kit.site, "st-mary");
  for (int i = 0; i < 100 && federation.hub().enrolment_open(); ++i) std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(federation.hub().enrolment_open());
  // Open again for somebody else: the used token stays used.
  federation.Invite("Coast");
  ExpectError(ErrorCode::kUnauthenticated, "was used before",
              [&] { EnrolWith(door, invitation.token(), request, {}); });
  ExpectError(ErrorCode::kAlreadyExists, "is in the federation", [&] { federation.Invite("St. Mary"); });
}

TEST(Doors, AnInvitationThatIsWithdrawnShutsTheEnrolmentDoor) {
  TestFederation federation;
  AdminClient admin(federation.hub().addresses().admin_socket, {});
  ExpectError(ErrorCode::kInvalidArgument, "an invitation holds 1 to 720 hours, not 0",
              [&] { admin.Invite("Coast", 0); });
  EXPECT_EQ(admin.Invitations().invitations_size(), 0);
  const v1::InviteReply invitation = admin.Invite("Coast", 2);
  ASSERT_EQ(admin.Invitations().invitations_size(), 1);
  EXPECT_EQ(admin.Invitations().invitations(0).display_name(), "Coast");
  EXPECT_EQ(admin.Invitations().invitations(0).state(), "open");
  EXPECT_EQ(admin.Invitations().invitations(0).expires_ms(), invitation.expires_ms());
  EXPECT_EQ(admin.Withdraw("Coast").site(), "coast");
  EXPECT_FALSE(federation.hub().enrolment_open());
  EXPECT_EQ(federation.Audit().events(federation.Audit().events_size() - 1).action(), "withdraw invitation");
}

TEST(Doors, AHubThatRestartsWhileASiteWaitsGoesOnWithTheSameKeyAndToken) {
  TestFederation federation;
  const std::string door = federation.hub().addresses().enrolment, token = federation.Invite("North").token();
  const PrivateKey key = PrivateKey::Generate();
  const auto enrol = [&](const PrivateKey& with, const std::function<void()>& waiting) {
    return EnrolWith(door, token, MakeCertificateRequest(with, "consilium-site"), waiting);
  };
  EXPECT_THROW(enrol(key, [&] { federation.RestartHub(); }), Error);  // the first call is cut
  ExpectError(ErrorCode::kUnauthenticated, "was used before", [&] { enrol(PrivateKey::Generate(), {}); });
  EXPECT_TRUE(enrol(key, [&] { federation.Approve("north"); }).has_approved());
}

TEST(Doors, ASecondSessionWithOneCertificateIsRefusedAndAudited) {
  TestFederation federation;
  const SiteKit kit = federation.Join("North");
  SiteEmulator first(kit, federation.At(10, 1));
  ASSERT_TRUE(first.WaitFor([](const auto& s) { return s.sessions == 1; }));
  SiteEmulator second(kit, federation.At(10, 1));
  ASSERT_TRUE(second.WaitFor([](const auto& s) { return !s.refusals.empty(); }));
  second.Kill();
  EXPECT_NE(second.refusals[0].find("has a session already"), std::string::npos) << second.refusals[0];
  const v1::AuditReply audit = federation.Audit();
  EXPECT_TRUE(std::any_of(audit.events().begin(), audit.events().end(),
                          [](const v1::AuditEvent& event) { return event.action() == "refuse session"; }));
}

TEST(Doors, EnrolmentIsRateLimited) {
  TestFederation federation([](HubOptions& options) { options.enrol_attempts_per_minute = 2; });
  federation.Invite("North");
  const std::string door = federation.hub().addresses().enrolment;
  const auto request = MakeCertificateRequest(PrivateKey::Generate(), "any");
  for (int i = 0; i < 2; ++i) EXPECT_THROW(EnrolWith(door, "wrong", request, {}), Error);
  ExpectError(ErrorCode::kResourceExhausted, "Wait a minute", [&] { EnrolWith(door, "wrong", request, {}); });
}

TEST(Doors, AFolderServesOneHubAtATime) {
  TestFederation federation;
  ExpectError(ErrorCode::kUnavailable, "another hub is running", [&] { Hub second(federation.options()); });
  ExpectError(ErrorCode::kAlreadyExists, "holds a hub already", [&] { Hub::Init(federation.dir(), "Other", nullptr); });
}

TEST(HubFolder, IsMadeOnceAndOnlyWhereNothingElseLies) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "srv");
  WriteFileDurably(folder / "srv" / "www", std::string_view("a web site"));
  const auto before = std::filesystem::status(folder / "srv").permissions();
  ExpectError(ErrorCode::kInvalidArgument, "holds other things (www) and cannot be a hub's folder",
              [&] { Hub::Init(folder / "srv", "Network", nullptr); });
  EXPECT_EQ(std::filesystem::status(folder / "srv").permissions(), before);

  // Interrupted: keys and database are there, the authority's certificate, which comes last, is not.
  Hub::Init(folder / "hub", "Network", nullptr);
  std::filesystem::remove(folder / "hub" / "authority.pem");
  EXPECT_FALSE(Hub::Init(folder / "hub", "Network", nullptr).empty());
  ExpectError(ErrorCode::kAlreadyExists, "holds a hub already", [&] { Hub::Init(folder / "hub", "Network", nullptr); });
  HubOptions options;
  options.dir = folder / "hub";
  options.listen = options.enrol_listen = "127.0.0.1:0";
  EXPECT_NO_THROW(Hub hub(options, SystemClock()));
}

}  // namespace
}  // namespace consilium
