// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_federation.h"

#include <thread>

#include "core/base/error.h"
#include "proto/chunks.h"
#include "proto/codec.h"
#include "proto/tls.h"

namespace consilium {
namespace {

template <class Reply, class Request>
Reply Ask(v1::Admin::Stub& stub, grpc::Status (v1::Admin::Stub::*call)(grpc::ClientContext*, const Request&, Reply*),
          const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  Reply reply;
  ThrowUnlessOk((stub.*call)(&context, request, &reply), "the hub does not answer");
  return reply;
}

v1::SiteRequest Named(const std::string& site) {
  v1::SiteRequest request;
  request.set_site(site);
  return request;
}

}  // namespace

TestFederation::TestFederation(const std::function<void(HubOptions&)>& adjust, const Clock& clock) : clock_(clock) {
  options_.dir = folder_.path();
  options_.listen = options_.enrol_listen = "127.0.0.1:0";
  options_.heartbeat_s = 0.25;
  options_.enrol_attempts_per_minute = 1000;
  if (adjust) adjust(options_);
  Hub::Init(folder_.path(), "Sarcoma Network", options_.passphrase);
  RestartHub();
}

TestFederation::~TestFederation() = default;

void TestFederation::StopHub() { hub_.reset(); }

void TestFederation::RestartHub() {
  hub_.reset();
  hub_ = std::make_unique<Hub>(options_, clock_);
  const HubAddresses addresses = hub_->addresses();
  options_.listen = addresses.sites;
  options_.enrol_listen = addresses.enrolment;
  admin_ = v1::Admin::NewStub(MakeLocalChannel(addresses.admin_socket));
}

SiteKit TestFederation::Join(const std::string& name) {
  const v1::InviteReply invitation = Invite(name);
  return EnrolSite(options_.enrol_listen, invitation.token(), [&] { Approve(invitation.site()); });
}

EmulatorOptions TestFederation::At(std::int64_t patients, float change) const {
  EmulatorOptions options;
  options.hub = options_.listen;
  options.training_patients = patients;
  options.change = change;
  return options;
}

v1::InviteReply TestFederation::Invite(const std::string& name) {
  v1::InviteRequest request;
  request.set_name(name);
  return Ask(*admin_, &v1::Admin::Stub::Invite, request);
}
v1::SiteView TestFederation::Approve(const std::string& site) {
  return Ask(*admin_, &v1::Admin::Stub::Approve, Named(site));
}
v1::SiteView TestFederation::Suspend(const std::string& site) {
  return Ask(*admin_, &v1::Admin::Stub::Suspend, Named(site));
}
v1::SiteView TestFederation::Revoke(const std::string& site) {
  return Ask(*admin_, &v1::Admin::Stub::Revoke, Named(site));
}
v1::FederationState TestFederation::State(const std::string& run) {
  v1::StateRequest request;
  request.set_run(run);
  return Ask(*admin_, &v1::Admin::Stub::State, request);
}
v1::RunView TestFederation::Abort(const std::string& reason) {
  v1::AbortRunRequest request;
  request.set_reason(reason);
  return Ask(*admin_, &v1::Admin::Stub::AbortRun, request);
}
v1::AuditReply TestFederation::Audit() {
  v1::AuditRequest request;
  request.set_events(1000);
  return Ask(*admin_, &v1::Admin::Stub::Audit, request);
}

std::string TestFederation::Start(const RunPlan& plan, const std::vector<std::byte>& first_model, bool wait) {
  grpc::ClientContext context;
  v1::StartRunReply reply;
  const auto stream = admin_->StartRun(&context, &reply);
  v1::StartRunMessage message;
  message.mutable_plan()->set_plan_toml(ToToml(plan));
  message.mutable_plan()->set_plan_name("test.toml");
  message.mutable_plan()->set_first_model_bytes(first_model.size());
  message.mutable_plan()->set_wait(wait);
  stream->Write(message);
  for (std::size_t offset = 0; offset < first_model.size(); offset += kChunkBytes) {
    message.mutable_first_model()->set_offset(offset);
    message.mutable_first_model()->set_data(first_model.data() + offset,
                                            std::min<std::size_t>(kChunkBytes, first_model.size() - offset));
    stream->Write(message);
  }
  stream->WritesDone();
  ThrowUnlessOk(stream->Finish(), "the hub does not answer");
  return reply.run();
}

GlobalModel TestFederation::Model(const std::string& run) {
  grpc::ClientContext context;
  v1::ModelRequest request;
  request.set_run(run);
  const auto stream = admin_->DownloadModel(&context, request);
  std::vector<std::byte> file;
  v1::Chunk chunk;
  while (stream->Read(&chunk)) {
    const auto bytes = std::as_bytes(std::span(chunk.data().data(), chunk.data().size()));
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  ThrowUnlessOk(stream->Finish(), "the hub does not answer");
  return ParseModel(file, "the model");
}

v1::RunView TestFederation::WaitForEnd(std::chrono::milliseconds timeout) {
  return WaitFor(
             [](const v1::FederationState& state) {
               const std::string& phase = state.run().phase();
               return phase == "done" || phase == "failed" || phase == "aborted";
             },
             timeout)
      .run();
}

v1::FederationState TestFederation::WaitFor(const std::function<bool(const v1::FederationState&)>& true_now,
                                            std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (true) {
    v1::FederationState state = State();
    if (true_now(state)) return state;
    if (std::chrono::steady_clock::now() > end) {
      throw Error(ErrorCode::kDeadlineExceeded, "it did not happen in time: " + state.ShortDebugString());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

RunPlan TinyPlan(std::int64_t rounds, std::int64_t sites) {
  RunPlan plan;
  plan.name = "tiny";
  plan.rounds = rounds;
  plan.eligibility.min_sites = sites;
  plan.eligibility.min_patients = 3;
  plan.round.quorum = std::min<std::int64_t>(2, sites);
  plan.round.deadline_s = 20;
  plan.network.features = {1, 2};
  plan.network.convs_per_stage = 1;
  plan.network.deep_supervision = false;
  plan.train.patch = 16;
  return plan;
}

}  // namespace consilium
