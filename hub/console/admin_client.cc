// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/console/admin_client.h"

#include <chrono>
#include <vector>

#include "core/base/certificate.h"
#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/model_card.h"
#include "core/round/run_plan.h"
#include "proto/chunks.h"
#include "proto/codec.h"
#include "proto/tls.h"

namespace consilium {
namespace {

constexpr std::uint64_t kFileLimit = 256 << 10;
constexpr char kKeyBegin[] = "-----BEGIN PRIVATE KEY-----";
constexpr char kCertificateBegin[] = "-----BEGIN CERTIFICATE-----";

// The file of `admin add`: key, certificate, authority.
std::shared_ptr<grpc::Channel> MutualChannel(const std::string& hub, const std::filesystem::path& file) {
  Require(!file.empty(), "to reach a hub over the network you need an administrator's file",
          "Give --admin FILE; it is made on the hub's machine: consilium-hub admin add NAME --out FILE");
  const std::string text = ReadTextFile(file, kFileLimit);
  const auto key = text.find(kKeyBegin), certificate = text.find(kCertificateBegin);
  const auto authority = certificate == std::string::npos ? certificate : text.find(kCertificateBegin, certificate + 1);
  Require(key != std::string::npos && authority != std::string::npos && key < certificate,
          file.string() + " is no administrator's file",
          "Make one on the hub's machine: consilium-hub admin add NAME --out FILE");
  const TlsIdentity identity{text.substr(certificate), text.substr(key, certificate - key)};
  return MakeChannel(hub, kHubServerName, ClientCredentials(text.substr(authority), identity));
}

v1::SiteRequest Named(const std::string& site) {
  v1::SiteRequest request;
  request.set_site(site);
  return request;
}

template <class Reply, class Request>
Reply Ask(v1::Admin::Stub& stub, const std::string& hub,
          grpc::Status (v1::Admin::Stub::*call)(grpc::ClientContext*, const Request&, Reply*), const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  Reply reply;
  const grpc::Status status = (stub.*call)(&context, request, &reply);
  ThrowUnlessOk(status, "cannot reach the hub at " + hub);
  return reply;
}

}  // namespace

AdminClient::AdminClient(const std::string& hub, const std::filesystem::path& administrator_file) : hub_(hub) {
  if (hub.starts_with("unix:") && !std::filesystem::exists(hub.substr(5))) {
    throw Error(
        ErrorCode::kUnavailable, "no hub is running here: there is no " + hub.substr(5),
        "Start it (consilium-hub serve DIR), name its socket (--hub unix:DIR/admin.sock), or its address (--hub H:P "
        "--admin FILE).");
  }
  stub_ = v1::Admin::NewStub(hub.starts_with("unix:") ? MakeLocalChannel(hub) : MutualChannel(hub, administrator_file));
}

v1::InviteReply AdminClient::Invite(const std::string& name, std::int64_t hours) {
  v1::InviteRequest request;
  request.set_name(name);
  request.set_hours(hours);
  return Ask(*stub_, hub_, &v1::Admin::Stub::Invite, request);
}

v1::InvitationsReply AdminClient::Invitations() {
  return Ask(*stub_, hub_, &v1::Admin::Stub::Invitations, v1::InvitationsRequest());
}

v1::InvitationView AdminClient::Withdraw(const std::string& name) {
  v1::WithdrawRequest request;
  request.set_name(name);
  return Ask(*stub_, hub_, &v1::Admin::Stub::Withdraw, request);
}

v1::SiteView AdminClient::Approve(const std::string& site) {
  return Ask(*stub_, hub_, &v1::Admin::Stub::Approve, Named(site));
}
v1::SiteView AdminClient::Suspend(const std::string& site) {
  return Ask(*stub_, hub_, &v1::Admin::Stub::Suspend, Named(site));
}
v1::SiteView AdminClient::Revoke(const std::string& site) {
  return Ask(*stub_, hub_, &v1::Admin::Stub::Revoke, Named(site));
}

void AdminClient::AddAdministrator(const std::string& name, const std::filesystem::path& out) {
  Require(!std::filesystem::exists(out), out.string() + " is there already", "Give another name with --out.");
  const PrivateKey key = PrivateKey::Generate();
  v1::AddAdministratorRequest request;
  request.set_name(name);
  const std::vector<std::byte> der = MakeCertificateRequest(key, name);
  request.set_certificate_request_der(der.data(), der.size());
  const auto reply = Ask(*stub_, hub_, &v1::Admin::Stub::AddAdministrator, request);
  const auto pem = [](const std::string& bytes) {
    return Certificate::FromDer(std::as_bytes(std::span(bytes.data(), bytes.size()))).ToPem();
  };
  WriteFileDurably(out, key.ToPem() + pem(reply.certificate_der()) + pem(reply.authority_der()), 0600);
}

v1::FederationState AdminClient::State(const std::string& run) {
  v1::StateRequest request;
  request.set_run(run);
  return Ask(*stub_, hub_, &v1::Admin::Stub::State, request);
}

void AdminClient::Watch(const std::function<bool(const v1::FederationState&)>& show) {
  grpc::ClientContext context;
  const auto stream = stub_->Watch(&context, {});
  v1::FederationState state;
  while (stream->Read(&state)) {
    if (show(state)) continue;
    context.TryCancel();
    while (stream->Read(&state)) {
    }
    (void)stream->Finish();  // ours: cancelled
    return;
  }
  ThrowUnlessOk(stream->Finish(), "cannot reach the hub at " + hub_);
  throw Error(ErrorCode::kUnavailable, "the hub has stopped", "Its runs go on when it is started again.");
}

v1::StartRunReply AdminClient::StartRun(const std::filesystem::path& plan, const std::filesystem::path& first_model,
                                        bool wait) {
  (void)ReadRunPlan(plan);  // wrong plans are refused here, with the file's own name
  v1::StartRunMessage message;
  message.mutable_plan()->set_plan_toml(ReadTextFile(plan, kFileLimit));
  message.mutable_plan()->set_plan_name(plan.string());
  message.mutable_plan()->set_wait(wait);
  std::unique_ptr<FileChunks> model;
  if (!first_model.empty()) {
    (void)ReadModelFile(first_model);
    model = std::make_unique<FileChunks>(first_model, 0);
    message.mutable_plan()->set_first_model_bytes(model->size());
  }
  grpc::ClientContext context;
  v1::StartRunReply reply;
  const auto stream = stub_->StartRun(&context, &reply);
  bool open = stream->Write(message);
  while (model && open) {
    auto chunk = model->Next();
    if (!chunk) break;
    *message.mutable_first_model() = std::move(*chunk);
    open = stream->Write(message);
  }
  stream->WritesDone();
  ThrowUnlessOk(stream->Finish(), "cannot reach the hub at " + hub_);
  return reply;
}

v1::RunView AdminClient::AbortRun(const std::string& run, const std::string& reason) {
  v1::AbortRunRequest request;
  request.set_run(run);
  request.set_reason(reason);
  return Ask(*stub_, hub_, &v1::Admin::Stub::AbortRun, request);
}

void AdminClient::ExportModel(const std::string& run, const std::filesystem::path& out) {
  const v1::FederationState state = State(run);
  if (!state.has_run()) {
    throw Error(ErrorCode::kNotFound, "this hub has no run yet", "Start one: consilium-hub run start PLAN.toml");
  }
  const Digest digest = DigestFromBytes(state.run().model(), "the run");
  grpc::ClientContext context;
  v1::ModelRequest request;
  request.set_digest(state.run().model());
  const auto stream = stub_->DownloadModel(&context, request);
  const std::filesystem::path part = std::filesystem::absolute(out).string() + ".part";
  Require(std::filesystem::is_directory(part.parent_path()), "there is no folder " + part.parent_path().string(),
          "Make it first, or name another file.");
  std::filesystem::remove(part);
  PartialFile file(part, state.run().model_bytes(), digest);
  v1::Chunk chunk;
  while (stream->Read(&chunk)) file.Append(chunk);
  ThrowUnlessOk(stream->Finish(), "cannot reach the hub at " + hub_);
  file.Finish();
  std::filesystem::rename(part, out);
}

v1::AuditReply AdminClient::Audit(std::int64_t events) {
  v1::AuditRequest request;
  request.set_events(events);
  return Ask(*stub_, hub_, &v1::Admin::Stub::Audit, request);
}

}  // namespace consilium
