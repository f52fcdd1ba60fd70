// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The hub as the desk behind the administrator's doors.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/model/model_card.h"
#include "hub/hub.h"
#include "hub/plain_words.h"
#include "hub/service/views.h"
#include "proto/codec.h"

namespace consilium {
namespace {

constexpr std::int64_t kInvitationHours = 72;
constexpr std::size_t kLongestPlan = 256 << 10;
constexpr std::int64_t kMostAuditEvents = 10'000;

std::string TextOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

v1::InvitationView InvitationViewOf(const InvitationRecord& record) {
  v1::InvitationView view;
  view.set_site(record.site.text());
  view.set_display_name(record.display_name);
  view.set_expires_ms(record.expires.time_since_epoch().count());
  view.set_state(std::string(Name(record.state)));
  return view;
}

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

std::string Hub::AdmitAdministrator(const std::string& certificate_pem) {
  try {
    if (certificate_pem.empty())
      throw Error(ErrorCode::kUnauthenticated, "this door needs an administrator's certificate");
    return roster_.RequireAdministrator(certificate_pem);
  } catch (const Error& error) {
    audit_.Add("hub", "refuse call", "administrator's door", error.what());
    throw;
  }
}

v1::InviteReply Hub::Invite(const std::string& who, const v1::InviteRequest& request) {
  const Invitation invitation =
      roster_.Invite(request.name(), request.has_hours() ? request.hours() : kInvitationHours);
  audit_.Add(who, "invite", invitation.site.text(), "until " + ToIso8601(invitation.expires));
  MoveEnrolmentDoor();
  v1::InviteReply reply;
  reply.set_token(std::string(invitation.token.Reveal()));
  reply.set_expires_ms(invitation.expires.time_since_epoch().count());
  reply.set_fingerprint(fingerprint());
  reply.set_site(invitation.site.text());
  return reply;
}

v1::InvitationsReply Hub::Invitations() {
  v1::InvitationsReply reply;
  for (const InvitationRecord& record : roster_.Invitations()) *reply.add_invitations() = InvitationViewOf(record);
  return reply;
}

v1::InvitationView Hub::Withdraw(const std::string& who, const v1::WithdrawRequest& request) {
  const InvitationRecord record = roster_.Withdraw(request.name());
  audit_.Add(who, "withdraw invitation", record.site.text());
  MoveEnrolmentDoor();
  return InvitationViewOf(record);
}

v1::SiteView Hub::Approve(const std::string& who, const v1::SiteRequest& request) {
  const SiteRecord record = roster_.Approve(SiteId(request.site()));
  audit_.Add(who, "approve", record.site.text(), "key " + record.key_fingerprint);
  if (const auto line = waiting_.find(record.site); line != waiting_.end()) {
    SendApproved(record, *line->second);
    waiting_.erase(line);
  }
  MoveEnrolmentDoor();
  Changed();
  return ViewOf(record);
}

v1::SiteView Hub::Suspend(const std::string& who, const v1::SiteRequest& request) {
  const SiteRecord record = roster_.Suspend(SiteId(request.site()));
  audit_.Add(who, "suspend", record.site.text());
  Shut(record.site, record.standing);
  return ViewOf(record);
}

v1::SiteView Hub::Revoke(const std::string& who, const v1::SiteRequest& request) {
  const SiteRecord record = roster_.Revoke(SiteId(request.site()));
  audit_.Add(who, "revoke", record.site.text());
  Shut(record.site, record.standing);
  return ViewOf(record);
}

v1::AddAdministratorReply Hub::AddAdministrator(const std::string& who, const v1::AddAdministratorRequest& request) {
  const Certificate certificate = roster_.AddAdministrator(request.name(), BytesOf(request.certificate_request_der()));
  audit_.Add(who, "add administrator", request.name(), "certificate " + certificate.Fingerprint());
  v1::AddAdministratorReply reply;
  reply.set_certificate_der(TextOf(certificate.ToDer()));
  reply.set_authority_der(TextOf(authority_.certificate().ToDer()));
  return reply;
}

v1::FederationState Hub::State(const v1::StateRequest& request) {
  v1::FederationState state;
  state.set_federation(federation_);
  const auto& current = coordinator_.state();
  const bool old_run = !request.run().empty() && (!current || current->run.text() != request.run());
  if (old_run) {
    const auto run = runs_.Replay(RunId(request.run()));
    if (!run) throw Error(ErrorCode::kNotFound, "this hub has no run " + request.run(), "See: consilium-hub run show");
    *state.mutable_run() = ViewOf(*run);
  } else if (current) {
    *state.mutable_run() = ViewOf(*current);
  }
  for (const SiteRecord& record : roster_.All()) *state.add_sites() = ViewOf(record);
  return state;
}

void Hub::Watch(const std::shared_ptr<StateLine>& line) {
  watchers_.insert(line);
  line->SendState(std::make_shared<const v1::FederationState>(State({})));
}

void Hub::Unwatch(const StateLine* line) {
  std::erase_if(watchers_, [line](const auto& watcher) { return watcher.get() == line; });
}

v1::StartRunReply Hub::StartRun(const std::string& who, const v1::StartRunRequest& request,
                                const std::filesystem::path& first_model) {
  Require(request.plan_toml().size() <= kLongestPlan, "the plan is larger than 256 KiB");
  const RunPlan plan = ParseRunPlan(request.plan_toml(), request.plan_name().substr(0, 200));
  if (!request.wait()) RequireEligible(plan);
  std::optional<GlobalModel> first;
  if (!first_model.empty()) first = ReadModelFile(first_model);
  std::map<SiteId, std::int64_t> connected;
  for (const auto& [site, session] : sessions_) connected[site] = roster_.Get(site).training_patients;
  const RunId run = coordinator_.Start(plan, first, connected);
  audit_.Add(who, "start run", run.text(), "plan " + DigestOf(plan).Hex());
  v1::StartRunReply reply;
  reply.set_run(run.text());
  reply.set_model(ToBytes(coordinator_.state()->model));
  return reply;
}

// Refuses a plan that cannot begin with the sites there are, and says which could help.
void Hub::RequireEligible(const RunPlan& plan) const {
  std::string enough, few, unknown;
  std::int64_t eligible = 0;
  for (const SiteRecord& record : roster_.All()) {
    if (record.standing != SiteStanding::kApproved) continue;
    const std::int64_t patients = record.training_patients;
    std::string& list = patients < 0 ? unknown : patients < plan.eligibility.min_patients ? few : enough;
    list += (list.empty() ? "" : ", ") + record.site.text();
    if (patients >= 0) list += (&list == &few ? " has " : " ") + std::to_string(patients);
    if (&list == &enough) ++eligible;
  }
  if (eligible >= plan.eligibility.min_sites) return;
  std::string known = enough;
  for (const std::string& more : {few, unknown.empty() ? unknown : unknown + " has not connected yet"}) {
    if (!more.empty()) known += (known.empty() ? "" : "; ") + more;
  }
  throw Error(
      ErrorCode::kFailedPrecondition,
      "the plan needs " + std::to_string(plan.eligibility.min_sites) + " eligible sites with at least " +
          std::to_string(plan.eligibility.min_patients) + " training patients; " + std::to_string(eligible) +
          (eligible == 1 ? " is" : " are") + (known.empty() ? "" : " (" + known + ")"),
      "Lower `eligibility.min_sites` or `eligibility.min_patients`, wait for more sites, or start with --wait.");
}

v1::RunView Hub::AbortRun(const std::string& who, const v1::AbortRunRequest& request) {
  const std::string reason =
      request.reason().empty() ? "aborted by the administrator" : PlainWords(request.reason(), 300);
  coordinator_.Abort(RunId(request.run()), reason);
  audit_.Add(who, "abort run", coordinator_.state()->run.text(), reason);
  return ViewOf(*coordinator_.state());
}

std::filesystem::path Hub::ModelFile(const v1::ModelRequest& request) {
  if (!request.digest().empty()) return ModelFile(DigestFromBytes(request.digest(), "the request"));
  std::optional<RunState> run = request.run().empty() ? coordinator_.state() : runs_.Replay(RunId(request.run()));
  if (!run) {
    throw Error(ErrorCode::kNotFound,
                request.run().empty() ? std::string("this hub has no run yet") : "this hub has no run " + request.run(),
                "Start one: consilium-hub run start PLAN.toml");
  }
  return ModelFile(run->model);
}

v1::AuditReply Hub::Audit(const v1::AuditRequest& request) {
  v1::AuditReply reply;
  const std::int64_t count = request.events() <= 0 ? 100 : std::min(request.events(), kMostAuditEvents);
  for (const AuditEntry& entry : audit_.Newest(count)) {
    v1::AuditEvent& event = *reply.add_events();
    event.set_number(entry.number);
    event.set_time_ms(entry.time.time_since_epoch().count());
    event.set_actor(entry.actor);
    event.set_action(entry.action);
    event.set_subject(entry.subject);
    event.set_detail(entry.detail);
  }
  reply.set_first_bad(audit_.FirstBad());
  reply.set_chain_holds(reply.first_bad() == 0);
  return reply;
}

std::filesystem::path Hub::NewUploadFile() {
  const std::filesystem::path path = options_.dir / "spool" / (".first-model-" + std::to_string(++uploads_));
  std::filesystem::remove(path);  // of a hub that was killed
  return path;
}

v1::RunView Hub::ViewOf(const RunState& run) const {
  const auto& current = coordinator_.state();
  const bool now = current && current->run == run.run;
  RunExtras extras;
  extras.traffic = now ? coordinator_.traffic() : runs_.TrafficOf(run.run);
  extras.seconds_in_round = now ? coordinator_.SecondsInRound() : 0;
  if (models_.Has(run.model)) extras.model_bytes = std::filesystem::file_size(models_.PathOf(run.model));
  return RunViewOf(run, extras);
}

v1::SiteView Hub::ViewOf(const SiteRecord& record) const {
  const auto& run = coordinator_.state();
  const auto session = sessions_.find(record.site);
  const bool connected = session != sessions_.end();
  v1::SiteView view = SiteViewOf(record, connected, run ? &*run : nullptr, clock_.Wall());
  if (connected) view.set_last_seen_ms(HeardAt(*session->second.line).time_since_epoch().count());
  return view;
}

}  // namespace consilium
