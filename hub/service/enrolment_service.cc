// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/service/enrolment_service.h"

#include <deque>
#include <string>
#include <utility>

#include "hub/service/reactor.h"

namespace consilium {
namespace {

// "ipv4:10.0.0.7:51234" without the port: what the rate limit counts.
std::string HostOf(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

class EnrolCall : public CallReactor<grpc::ServerWriteReactor<v1::EnrolReply>>, public EnrolLine {
 public:
  EnrolCall(EventLoop& loop, EnrolDesk& desk, const v1::EnrolRequest& request, std::string host)
      : CallReactor(loop), desk_(desk), request_(request), host_(std::move(host)) {}

  void Run() {
    Do([this] { desk_.Enrol(request_, host_, std::static_pointer_cast<EnrolCall>(shared_from_this())); });
  }

  void Send(v1::EnrolReply reply, bool last) override {
    const std::lock_guard lock(outbox_mutex_);
    outbox_.push_back({std::move(reply), last});
    WriteNext();
  }

 private:
  void WriteNext() {  // under outbox_mutex_
    if (writing_ || outbox_.empty()) return;
    outgoing_ = std::move(outbox_.front());
    outbox_.pop_front();
    writing_ = true;
    IfOpen([this] { StartWrite(&outgoing_.first); });
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return End(grpc::Status::CANCELLED);
    const std::lock_guard lock(outbox_mutex_);
    writing_ = false;
    if (!outgoing_.second) return WriteNext();
    const std::string site = outgoing_.first.approved().site();
    if (!site.empty()) Do([this, site] { desk_.Delivered(site); });
    End(grpc::Status::OK);
  }
  void OnDone() override {
    loop_.Post([self = shared_from_this(), this] { desk_.Hung(this); });
    CallReactor::OnDone();
  }

  EnrolDesk& desk_;
  const v1::EnrolRequest request_;
  const std::string host_;
  std::mutex outbox_mutex_;
  std::deque<std::pair<v1::EnrolReply, bool>> outbox_;  // guarded by outbox_mutex_; true: the last one
  std::pair<v1::EnrolReply, bool> outgoing_;            // guarded by outbox_mutex_ while not writing
  bool writing_ = false;                                // guarded by outbox_mutex_
};

}  // namespace

grpc::ServerWriteReactor<v1::EnrolReply>* EnrolmentService::Enrol(grpc::CallbackServerContext* context,
                                                                  const v1::EnrolRequest* request) {
  return EnrolCall::Begin<EnrolCall>(loop_, desk_, *request, HostOf(context->peer()));
}

}  // namespace consilium
