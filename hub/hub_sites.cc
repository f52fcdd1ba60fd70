// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The hub as the desk behind the sites' door and the enrolment door.
#include <utility>

#include "core/base/error.h"
#include "core/base/log.h"
#include "hub/hub.h"
#include "proto/codec.h"

namespace consilium {
namespace {

constexpr std::int64_t kMostPatients = 1'000'000;

std::string TextOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

SiteId Hub::Admit(const std::string& certificate_pem) {
  try {
    if (certificate_pem.empty()) throw Error(ErrorCode::kUnauthenticated, "this door needs a site's certificate");
    return roster_.RequireSite(certificate_pem);
  } catch (const Error& error) {
    audit_.Add("hub", "refuse call", "sites' door", error.what());
    throw;
  }
}

void Hub::Connect(const SiteId& site, const v1::Hello& hello, const std::shared_ptr<SiteLine>& line) {
  if (hello.protocol() == 0 || hello.protocol() > kProtocolVersion) {
    throw Error(ErrorCode::kFailedPrecondition,
                "the site speaks protocol " + std::to_string(hello.protocol()) + ", this hub " +
                    std::to_string(kProtocolVersion),
                "Use the same version of Consilium on both sides.");
  }
  if (sessions_.contains(site)) {
    audit_.Add("site " + site.text(), "refuse session", site.text(), "a session with this certificate is open");
    throw Error(
        ErrorCode::kAlreadyExists, "site " + site.text() + " has a session already",
        "If no other program of this hospital uses the certificate, its key may have been copied: call the hub's "
        "administrator. After a cut line, wait " +
            std::to_string(Grace().count() / 1000 + 1) + " s.");
  }
  SetData(site, hello.data());
  const SiteRecord record = roster_.Get(site);
  sessions_[site] = {line, record.certificate->NotAfter(), clock_.Wall()};
  roster_.Seen(site, clock_.Wall());
  v1::HubMessage message;
  v1::Welcome& welcome = *message.mutable_welcome();
  welcome.set_federation(federation_);
  welcome.set_site(site.text());
  welcome.set_protocol(hello.protocol());
  welcome.set_heartbeat_s(options_.heartbeat_s);
  line->Send(std::move(message));
  LogInfo("a site is connected", {{"site", site}, {"patients", hello.data().training_patients()}});
  coordinator_.SiteIsThere(site, hello.data().training_patients());
  Changed();
}

void Hub::SetData(const SiteId& site, const v1::DataSummary& data) {
  const bool sane = data.training_patients() >= 0 && data.training_patients() <= kMostPatients &&
                    data.validation_patients() >= 0 && data.validation_patients() <= kMostPatients;
  Require(sane, "a site's number of patients must be between 0 and 1,000,000");
  std::optional<StudyCounts> studies;
  if (data.has_studies()) studies = StudyCountsFromMessage(data.studies());
  roster_.SetData(site, data.training_patients(), data.validation_patients(), studies);
}

void Hub::Receive(const SiteId& site, const v1::SiteMessage& message) {
  if (!sessions_.contains(site)) return;  // its session was ended: what was on its way counts no more
  switch (message.message_case()) {
    case v1::SiteMessage::kProgress: return coordinator_.Progressed(site, message.progress());
    case v1::SiteMessage::kEvaluation: return coordinator_.Evaluated(site, message.evaluation());
    case v1::SiteMessage::kRefusal: return coordinator_.Refused(site, message.refusal());
    case v1::SiteMessage::kData:
      SetData(site, message.data());
      coordinator_.DataChanged(site, message.data().training_patients());
      return Changed();
    case v1::SiteMessage::kHeartbeat: return;
    case v1::SiteMessage::kHello: throw Error(ErrorCode::kInvalidArgument, "a second Hello on one stream");
    case v1::SiteMessage::MESSAGE_NOT_SET: return;  // of a newer protocol: ignored
  }
}

void Hub::Gone(const SiteId& site, const SiteLine* line) {
  const auto session = sessions_.find(site);
  if (session == sessions_.end() || session->second.line.get() != line) return;
  sessions_.erase(session);
  roster_.Seen(site, HeardAt(*line));
  LogInfo("a site's stream has ended", {{"site", site}});
  const std::int64_t cut = ++cuts_[site];
  loop_.After(Grace(), [this, site, cut] {
    if (!sessions_.contains(site) && cuts_[site] == cut) coordinator_.SiteIsLost(site);
  });
  Changed();
}

std::filesystem::path Hub::ModelFile(const Digest& digest) {
  if (!models_.Has(digest)) {
    throw Error(ErrorCode::kNotFound, "this hub has no model " + digest.Short(), "Wait for the next order.");
  }
  return models_.PathOf(digest);
}

v1::UploadState Hub::Offer(const SiteId& site, const v1::UploadHeader& header) {
  return coordinator_.Offer(site, header);
}

v1::UploadState Hub::Store(const SiteId& site, const v1::UploadHeader& header, const v1::Chunk& chunk) {
  return coordinator_.Store(site, header, chunk);
}

void Hub::Shut(const SiteId& site, SiteStanding standing) {
  const Error why(ErrorCode::kPermissionDenied, "site " + site.text() + " is " + std::string(Name(standing)),
                  "Call the hub's administrator.");
  if (const auto session = sessions_.find(site); session != sessions_.end()) {
    roster_.Seen(site, HeardAt(*session->second.line));
    session->second.line->Hang(why);
    sessions_.erase(session);
  }
  if (const auto line = waiting_.find(site); line != waiting_.end()) {
    v1::EnrolReply reply;
    reply.set_refused(why.Text());
    line->second->Send(std::move(reply), true);
    waiting_.erase(line);
  }
  coordinator_.SiteIsShut(site);
  MoveEnrolmentDoor();
  Changed();
}

void Hub::Enrol(const v1::EnrolRequest& request, const std::string& peer, const std::shared_ptr<EnrolLine>& line) {
  if (!enrol_limit_.Allow(peer, clock_.Monotonic())) {
    throw Error(ErrorCode::kResourceExhausted, "too many attempts to enrol from this address", "Wait a minute.");
  }
  Enrolment enrolment;
  try {
    enrolment = roster_.Enrol(request.token(), BytesOf(request.certificate_request_der()));
  } catch (const Error& error) {
    audit_.Add("enrolment door", "refuse enrol", peer, error.what());
    throw;
  }
  if (enrolment.certificate) return SendApproved(roster_.Get(enrolment.site), *line);
  audit_.Add("site " + enrolment.site.text(), "enrol", enrolment.site.text(), "key " + enrolment.key_fingerprint);
  LogInfo("a site waits for approval", {{"site", enrolment.site}});
  v1::EnrolReply reply;
  reply.mutable_waiting()->set_key_fingerprint(enrolment.key_fingerprint);
  line->Send(std::move(reply), false);
  waiting_[enrolment.site] = line;
  Changed();
}

void Hub::SendApproved(const SiteRecord& record, EnrolLine& line) const {
  v1::EnrolReply reply;
  v1::EnrolApproved& approved = *reply.mutable_approved();
  approved.set_site(record.site.text());
  approved.set_federation(federation_);
  approved.set_certificate_der(TextOf(record.certificate->ToDer()));
  approved.set_authority_der(TextOf(authority_.certificate().ToDer()));
  line.Send(std::move(reply), true);
}

void Hub::Delivered(const std::string& site) {
  roster_.Delivered(SiteId(site));
  MoveEnrolmentDoor();
}

void Hub::Hung(const EnrolLine* line) {
  std::erase_if(waiting_, [line](const auto& entry) { return entry.second.get() == line; });
}

// Open only while an invitation is outstanding: otherwise nothing listens at all.
void Hub::MoveEnrolmentDoor() {
  if (closing_) return;
  const bool wanted = roster_.EnrolmentOpen();
  if (wanted == enrolment_door_.open()) return;
  if (!wanted) return enrolment_door_.Close();
  try {
    enrolment_door_.Open();
  } catch (const Error& error) {
    LogError("the enrolment door cannot be opened", {{"error", error.what()}});
  }
}

}  // namespace consilium
