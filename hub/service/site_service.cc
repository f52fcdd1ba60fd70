// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/service/site_service.h"

#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "hub/service/file_call.h"
#include "hub/service/reactor.h"
#include "hub/service/unary.h"
#include "proto/codec.h"
#include "proto/tls.h"

namespace consilium {
namespace {

constexpr std::size_t kMostWaiting = 64;  // messages for a site that does not read

// Taken when the call begins: its context may be gone when a task runs. Empty without a certificate.
std::string CertificateOf(const grpc::CallbackServerContext& context) {
  const auto peer = PeerOf(context);
  return peer ? peer->certificate_pem : std::string();
}

class ControlCall : public CallReactor<grpc::ServerBidiReactor<v1::SiteMessage, v1::HubMessage>>, public SiteLine {
 public:
  ControlCall(EventLoop& loop, SiteDesk& desk, const grpc::CallbackServerContext& context)
      : CallReactor(loop), desk_(desk), certificate_(CertificateOf(context)) {}

  void Run() {
    Do([this] {
      site_ = desk_.Admit(certificate_);
      IfOpen([this] { StartRead(&incoming_); });
    });
  }

  void Send(v1::HubMessage message) override {
    const std::lock_guard lock(outbox_mutex_);
    if (outbox_.size() >= kMostWaiting) return End({grpc::StatusCode::RESOURCE_EXHAUSTED, "the site does not read"});
    outbox_.push_back(std::move(message));
    WriteNext();
  }
  void SendState(std::shared_ptr<const v1::FederationState> state) override {
    const std::lock_guard lock(outbox_mutex_);
    state_ = std::move(state);
    WriteNext();
  }
  void Hang(const Error& why) override { End(ToStatus(why)); }
  std::chrono::steady_clock::time_point LastHeard() const override { return last_heard_.load(); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);  // the site closed its half or is gone
    last_heard_ = std::chrono::steady_clock::now();
    Do([this] {
      Take();
      IfOpen([this] { StartRead(&incoming_); });
    });
  }
  void Take() {
    if (connected_) return desk_.Receive(*site_, incoming_);
    Require(incoming_.has_hello(), "the first message of a site must be Hello");
    connected_ = true;
    desk_.Connect(*site_, incoming_.hello(), std::static_pointer_cast<ControlCall>(shared_from_this()));
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return End(grpc::Status::CANCELLED);
    const std::lock_guard lock(outbox_mutex_);
    writing_ = false;
    WriteNext();
  }
  void WriteNext() {  // under outbox_mutex_
    if (writing_) return;
    if (!outbox_.empty()) {
      outgoing_ = std::move(outbox_.front());
      outbox_.pop_front();
    } else if (state_) {
      outgoing_.Clear();
      *outgoing_.mutable_state() = *std::exchange(state_, nullptr);
    } else {
      return;
    }
    writing_ = true;
    IfOpen([this] { StartWrite(&outgoing_); });
  }
  void OnDone() override {
    loop_.Post([self = shared_from_this(), this] {
      if (site_ && connected_) desk_.Gone(*site_, this);
    });
    CallReactor::OnDone();
  }

  SiteDesk& desk_;
  const std::string certificate_;
  std::optional<SiteId> site_;  // the hub's thread
  bool connected_ = false;      // the hub's thread
  v1::SiteMessage incoming_;
  std::atomic<std::chrono::steady_clock::time_point> last_heard_{std::chrono::steady_clock::now()};

  std::mutex outbox_mutex_;
  std::deque<v1::HubMessage> outbox_;                 // guarded by outbox_mutex_
  std::shared_ptr<const v1::FederationState> state_;  // guarded by outbox_mutex_
  v1::HubMessage outgoing_;                           // guarded by outbox_mutex_ while not writing
  bool writing_ = false;                              // guarded by outbox_mutex_
};

class UploadCall : public CallReactor<grpc::ServerReadReactor<v1::UploadMessage>> {
 public:
  UploadCall(EventLoop& loop, SiteDesk& desk, const grpc::CallbackServerContext& context, v1::UploadState* reply)
      : CallReactor(loop), desk_(desk), certificate_(CertificateOf(context)), reply_(reply) {}

  void Run() {
    Do([this] {
      site_ = desk_.Admit(certificate_);
      IfOpen([this] { StartRead(&incoming_); });
    });
  }

 private:
  void OnReadDone(bool ok) override {
    Do([this, ok] {
      if (ok) return Take();
      Require(header_.has_value(), "an upload begins with its header");
      state_ = desk_.Offer(*site_, *header_);  // what is durable now
      Answer();
    });
  }
  void Take() {
    if (!header_) {
      Require(incoming_.has_header(), "an upload begins with its header");
      header_ = incoming_.header();
      state_ = desk_.Offer(*site_, *header_);
    } else {
      Require(incoming_.has_chunk(), "an upload's header is followed by chunks only");
      state_ = desk_.Store(*site_, *header_, incoming_.chunk());
    }
    if (state_.complete()) return Answer();
    IfOpen([this] { StartRead(&incoming_); });
  }
  void Answer() {
    IfOpen([this] { *reply_ = state_; });
    End(grpc::Status::OK);
  }

  SiteDesk& desk_;
  const std::string certificate_;
  v1::UploadState* reply_;
  std::optional<SiteId> site_;
  std::optional<v1::UploadHeader> header_;
  v1::UploadState state_;
  v1::UploadMessage incoming_;
};

}  // namespace

grpc::ServerBidiReactor<v1::SiteMessage, v1::HubMessage>* SiteService::Control(grpc::CallbackServerContext* context) {
  return ControlCall::Begin<ControlCall>(loop_, desk_, *context);
}

grpc::ServerWriteReactor<v1::Chunk>* SiteService::Download(grpc::CallbackServerContext* context,
                                                           const v1::DownloadRequest* request) {
  auto open = [this, certificate = CertificateOf(*context), request = *request] {
    (void)desk_.Admit(certificate);
    return std::make_unique<FileChunks>(desk_.ModelFile(DigestFromBytes(request.digest(), "the request")),
                                        request.offset());
  };
  return FileCall::Begin<FileCall>(loop_, open, [this](std::uint64_t bytes) { desk_.CountDown(bytes); });
}

grpc::ServerUnaryReactor* SiteService::Offer(grpc::CallbackServerContext* context, const v1::UploadHeader* request,
                                             v1::UploadState* reply) {
  return Answer(loop_, context, [this, context, request, reply] {
    *reply = desk_.Offer(desk_.Admit(CertificateOf(*context)), *request);
  });
}

grpc::ServerReadReactor<v1::UploadMessage>* SiteService::Upload(grpc::CallbackServerContext* context,
                                                                v1::UploadState* reply) {
  return UploadCall::Begin<UploadCall>(loop_, desk_, *context, reply);
}

}  // namespace consilium
