// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/site-node/fake_hub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "proto/tls.h"

namespace consilium {
namespace {

WallTime Now() { return SystemClock().Wall(); }

}  // namespace

class FakeHub::SiteService final : public v1::Site::Service {
 public:
  explicit SiteService(FakeHub& hub) : hub_(hub) {}

  grpc::Status Control(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::HubMessage, v1::SiteMessage>* stream) override {
    {
      std::lock_guard lock(hub_.mutex_);
      const auto peer = PeerOf(*context);
      hub_.seen_.peer = peer ? peer->common_name : "";
      hub_.cut_ = [context] { context->TryCancel(); };
    }
    v1::SiteMessage message;
    while (stream->Read(&message)) {
      if (message.has_hello()) {
        v1::HubMessage welcome;
        welcome.mutable_welcome()->set_federation("Test federation");
        welcome.mutable_welcome()->set_site("north");
        welcome.mutable_welcome()->set_protocol(1);
        welcome.mutable_welcome()->set_heartbeat_s(0.2);
        stream->Write(welcome);
      } else if (message.has_heartbeat()) {
        v1::HubMessage alive;
        alive.mutable_heartbeat();
        std::lock_guard lock(hub_.mutex_);
        stream->Write(alive);
      }
      std::lock_guard lock(hub_.mutex_);
      if (message.has_hello()) {
        ++hub_.seen_.hellos;
        hub_.push_ = [stream](const v1::HubMessage& out) { return stream->Write(out); };
      }
      hub_.seen_.messages.push_back(message);
      hub_.seen_.bytes += message.SerializeAsString();
      hub_.changed_.notify_all();
    }
    std::lock_guard lock(hub_.mutex_);
    hub_.push_ = nullptr;
    hub_.cut_ = nullptr;
    return grpc::Status::OK;
  }

  grpc::Status Download(grpc::ServerContext*, const v1::DownloadRequest* request,
                        grpc::ServerWriter<v1::Chunk>* writer) override {
    std::string model;
    std::int64_t cut = -1;
    {
      std::lock_guard lock(hub_.mutex_);
      hub_.seen_.bytes += request->SerializeAsString();
      hub_.seen_.download_offsets.push_back(request->offset());
      const auto found = hub_.models.find(request->digest());
      if (found == hub_.models.end()) return {grpc::StatusCode::NOT_FOUND, "the hub has no such model"};
      model = found->second;
      cut = std::exchange(hub_.cut_download_after, -1);
    }
    constexpr std::uint64_t kPiece = 4096;
    for (std::uint64_t at = request->offset(); at < model.size(); at += kPiece) {
      if (cut >= 0 && static_cast<std::int64_t>(at) >= cut) return {grpc::StatusCode::UNAVAILABLE, "cut"};
      v1::Chunk chunk;
      chunk.set_offset(at);
      chunk.set_data(model.substr(at, kPiece));
      chunk.set_total(model.size());
      writer->Write(chunk);
    }
    return grpc::Status::OK;
  }

  grpc::Status Offer(grpc::ServerContext*, const v1::UploadHeader* header, v1::UploadState* state) override {
    std::lock_guard lock(hub_.mutex_);
    hub_.seen_.bytes += header->SerializeAsString();
    Fill(*header, *state);
    hub_.seen_.offer_offsets.push_back(state->offset());
    return grpc::Status::OK;
  }

  grpc::Status Upload(grpc::ServerContext*, grpc::ServerReader<v1::UploadMessage>* reader,
                      v1::UploadState* state) override {
    v1::UploadMessage message;
    v1::UploadHeader header;
    while (reader->Read(&message)) {
      std::lock_guard lock(hub_.mutex_);
      hub_.seen_.bytes += message.SerializeAsString();
      if (message.has_header()) {
        header = message.header();
        continue;
      }
      std::string& stored = hub_.seen_.uploads[Key(header)];
      if (hub_.cut_upload_after >= 0 && static_cast<std::int64_t>(stored.size()) >= hub_.cut_upload_after) {
        hub_.cut_upload_after = -1;
        return {grpc::StatusCode::UNAVAILABLE, "cut"};
      }
      if (message.chunk().offset() != stored.size()) return {grpc::StatusCode::OUT_OF_RANGE, "gap"};
      stored += message.chunk().data();
    }
    std::lock_guard lock(hub_.mutex_);
    Fill(header, *state);
    if (state->complete()) hub_.complete_.push_back(hub_.seen_.uploads[Key(header)]);
    hub_.changed_.notify_all();
    return grpc::Status::OK;
  }

 private:
  static std::string Key(const v1::UploadHeader& header) {
    return header.run() + "/" + std::to_string(header.round()) + "/" + std::to_string(header.attempt());
  }
  void Fill(const v1::UploadHeader& header, v1::UploadState& state) {
    const std::string& stored = hub_.seen_.uploads[Key(header)];
    state.set_offset(stored.size());
    const Digest digest = DigestOf(stored);
    state.set_complete(stored.size() == header.bytes() &&
                       header.digest() == std::string(digest.bytes.begin(), digest.bytes.end()));
  }
  FakeHub& hub_;
};

class FakeHub::EnrolmentService final : public v1::Enrolment::Service {
 public:
  explicit EnrolmentService(FakeHub& hub) : hub_(hub) {}
  grpc::Status Enrol(grpc::ServerContext*, const v1::EnrolRequest* request,
                     grpc::ServerWriter<v1::EnrolReply>* writer) override {
    {
      std::lock_guard lock(hub_.mutex_);
      hub_.seen_.bytes += request->SerializeAsString();
    }
    v1::EnrolReply waiting;
    const std::string& der = request->certificate_request_der();
    const RequestInfo info = ReadCertificateRequest(std::as_bytes(std::span(der)));
    waiting.mutable_waiting()->set_key_fingerprint(info.public_key.Fingerprint());
    writer->Write(waiting);
    writer->Write(hub_.on_enrol(*request));
    return grpc::Status::OK;
  }

 private:
  FakeHub& hub_;
};

FakeHub::FakeHub()
    : authority_key_(PrivateKey::Generate()),
      authority_(MakeAuthority(authority_key_, "Test federation", 10, Now() - std::chrono::hours(2400))),
      server_key_(PrivateKey::Generate()),
      server_(Issue(authority_, authority_key_,
                    {server_key_.public_key(), std::string(kHubServerName), CertificateKind::kServer, 90,
                     Now() - std::chrono::minutes(5)})),
      site_service_(std::make_unique<SiteService>(*this)),
      enrolment_service_(std::make_unique<EnrolmentService>(*this)) {
  Restart();
}

FakeHub::~FakeHub() { Stop(); }

std::unique_ptr<grpc::Server> FakeHub::Start(grpc::Service& service, bool mutual, int& port) {
  const TlsIdentity identity{server_.ToPem() + authority_.ToPem(), server_key_.ToPem()};
  grpc::ServerBuilder builder;
  SetServerLimits(builder);
  builder.AddListeningPort(
      "127.0.0.1:" + std::to_string(port),
      mutual ? MutualServerCredentials(identity, authority_.ToPem()) : OpenServerCredentials(identity), &port);
  builder.RegisterService(&service);
  return builder.BuildAndStart();
}

void FakeHub::Restart() {
  site_server_ = Start(*site_service_, true, site_port_);
  enrol_server_ = Start(*enrolment_service_, false, enrol_port_);
}

void FakeHub::Stop() {
  const auto now = std::chrono::system_clock::now();
  if (site_server_) site_server_->Shutdown(now);
  if (enrol_server_) enrol_server_->Shutdown(now);
  site_server_.reset();
  enrol_server_.reset();
}

std::string FakeHub::address() const { return "127.0.0.1:" + std::to_string(site_port_); }
std::string FakeHub::enrol_address() const { return "127.0.0.1:" + std::to_string(enrol_port_); }

Certificate FakeHub::IssueFor(const std::string& site, const PublicKey& key) const {
  return Issue(authority_, authority_key_, {key, site, CertificateKind::kSite, 90, Now() - std::chrono::minutes(5)});
}

SiteCredentials FakeHub::CredentialsFor(const std::string& site, std::int64_t days) const {
  const PrivateKey key = PrivateKey::Generate();
  const WallTime from = Now() - std::chrono::hours(24 * 30);
  const Certificate certificate =
      Issue(authority_, authority_key_, {key.public_key(), site, CertificateKind::kSite, days, from});
  return {key.ToPem(), certificate.ToPem(), authority_.ToPem()};
}

void FakeHub::Push(const v1::HubMessage& message) {
  std::unique_lock lock(mutex_);
  const bool connected = changed_.wait_for(lock, std::chrono::seconds(60), [&] { return push_ != nullptr; });
  ASSERT_TRUE(connected) << "no site is connected";
  push_(message);
}

void FakeHub::CutControl() {
  std::lock_guard lock(mutex_);
  if (cut_) cut_();
}

v1::SiteMessage FakeHub::WaitForMessage(const std::function<bool(const v1::SiteMessage&)>& wanted) {
  std::unique_lock lock(mutex_);
  v1::SiteMessage found;
  const bool came = changed_.wait_for(lock, std::chrono::seconds(60), [&] {
    const auto at = std::find_if(seen_.messages.begin(), seen_.messages.end(), wanted);
    if (at == seen_.messages.end()) return false;
    found = *at;
    return true;
  });
  EXPECT_TRUE(came) << "the message did not come";
  return found;
}

std::string FakeHub::WaitForUpdate() {
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(lock, std::chrono::seconds(60), [&] { return !complete_.empty(); });
  EXPECT_TRUE(came) << "no update came";
  if (!came) return {};
  std::string update = complete_.front();
  complete_.erase(complete_.begin());
  return update;
}

FakeHub::Seen FakeHub::seen() {
  std::lock_guard lock(mutex_);
  return seen_;
}

}  // namespace consilium
