// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/service/admin_service.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "hub/service/file_call.h"
#include "hub/service/reactor.h"
#include "hub/service/unary.h"
#include "proto/chunks.h"
#include "proto/codec.h"
#include "proto/tls.h"

namespace consilium {
namespace {

// Whom to write into the audit: asked for on the hub's thread, out of what was taken when the call began.
class Caller {
 public:
  Caller(AdminDesk& desk, AdminDoor door, const grpc::CallbackServerContext& context) : desk_(desk), door_(door) {
    if (const auto peer = PeerOf(context)) certificate_ = peer->certificate_pem;
  }
  std::string Admit() const {
    if (door_ == AdminDoor::kSocket) return "administrator";
    return "administrator " + desk_.AdmitAdministrator(certificate_);
  }

 private:
  AdminDesk& desk_;
  AdminDoor door_;
  std::string certificate_;
};

class WatchCall : public CallReactor<grpc::ServerWriteReactor<v1::FederationState>>, public StateLine {
 public:
  WatchCall(EventLoop& loop, AdminDesk& desk, Caller caller)
      : CallReactor(loop), desk_(desk), caller_(std::move(caller)) {}

  void Run() {
    Do([this] {
      (void)caller_.Admit();
      desk_.Watch(std::static_pointer_cast<WatchCall>(shared_from_this()));
    });
  }
  void SendState(std::shared_ptr<const v1::FederationState> state) override {
    const std::lock_guard lock(state_mutex_);
    waiting_ = std::move(state);
    WriteNext();
  }

 private:
  void WriteNext() {  // under state_mutex_
    if (writing_ || !waiting_) return;
    sent_ = std::exchange(waiting_, nullptr);
    writing_ = true;
    IfOpen([this] { StartWrite(sent_.get()); });
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return End(grpc::Status::CANCELLED);
    const std::lock_guard lock(state_mutex_);
    writing_ = false;
    WriteNext();
  }
  void OnDone() override {
    loop_.Post([self = shared_from_this(), this] { desk_.Unwatch(this); });
    CallReactor::OnDone();
  }

  AdminDesk& desk_;
  const Caller caller_;
  std::mutex state_mutex_;
  std::shared_ptr<const v1::FederationState> waiting_, sent_;  // guarded by state_mutex_
  bool writing_ = false;                                       // guarded by state_mutex_
};

class StartRunCall : public CallReactor<grpc::ServerReadReactor<v1::StartRunMessage>> {
 public:
  StartRunCall(EventLoop& loop, AdminDesk& desk, Caller caller, v1::StartRunReply* reply)
      : CallReactor(loop), desk_(desk), caller_(std::move(caller)), reply_(reply) {}
  ~StartRunCall() override {
    std::error_code gone_already;
    if (!path_.empty()) std::filesystem::remove(path_, gone_already);
  }
  StartRunCall(const StartRunCall&) = delete;
  StartRunCall& operator=(const StartRunCall&) = delete;

  void Run() {
    Do([this] {
      who_ = caller_.Admit();
      IfOpen([this] { StartRead(&incoming_); });
    });
  }

 private:
  static constexpr std::uint64_t kLargestModel = std::uint64_t{64} << 30;

  void OnReadDone(bool ok) override {
    Do([this, ok] { ok ? Take() : Start(); });
  }
  void Take() {
    if (!plan_) {
      Require(incoming_.has_plan(), "a run begins with its plan");
      plan_ = incoming_.plan();
      Require(plan_->first_model_bytes() <= kLargestModel, "the first model is larger than 64 GiB");
    } else {
      Require(incoming_.has_first_model(), "a plan is followed by chunks of the first model only");
      if (!file_) {
        path_ = desk_.NewUploadFile();
        file_.emplace(path_, plan_->first_model_bytes(), Digest{});
      }
      file_->Append(incoming_.first_model());
    }
    IfOpen([this] { StartRead(&incoming_); });
  }
  void Start() {
    Require(plan_.has_value(), "a run begins with its plan");
    const bool whole = plan_->first_model_bytes() == 0 || (file_ && file_->full());
    Require(whole, "the first model did not arrive whole", "Start the run again.");
    const v1::StartRunReply answer = desk_.StartRun(who_, *plan_, path_);
    IfOpen([&] { *reply_ = answer; });
    End(grpc::Status::OK);
  }

  AdminDesk& desk_;
  const Caller caller_;
  v1::StartRunReply* reply_;
  std::string who_;
  std::optional<v1::StartRunRequest> plan_;
  std::filesystem::path path_;
  std::optional<PartialFile> file_;
  v1::StartRunMessage incoming_;
};

}  // namespace

template <class Work>
AdminService::Unary* AdminService::Serve(Context* context, Work work) {
  return Answer(loop_, context, [caller = Caller(desk_, door_, *context), work] { work(caller.Admit()); });
}

AdminService::Unary* AdminService::Invite(Context* context, const v1::InviteRequest* request, v1::InviteReply* reply) {
  return Serve(context, [=, this](const std::string& who) { *reply = desk_.Invite(who, *request); });
}
AdminService::Unary* AdminService::Invitations(Context* context, const v1::InvitationsRequest*,
                                               v1::InvitationsReply* reply) {
  return Serve(context, [=, this](const std::string&) { *reply = desk_.Invitations(); });
}
AdminService::Unary* AdminService::Withdraw(Context* context, const v1::WithdrawRequest* request,
                                            v1::InvitationView* reply) {
  return Serve(context, [=, this](const std::string& who) { *reply = desk_.Withdraw(who, *request); });
}
AdminService::Unary* AdminService::Approve(Context* context, const v1::SiteRequest* request, v1::SiteView* reply) {
  return Serve(context, [=, this](const std::string& who) { *reply = desk_.Approve(who, *request); });
}
AdminService::Unary* AdminService::Suspend(Context* context, const v1::SiteRequest* request, v1::SiteView* reply) {
  return Serve(context, [=, this](const std::string& who) { *reply = desk_.Suspend(who, *request); });
}
AdminService::Unary* AdminService::Revoke(Context* context, const v1::SiteRequest* request, v1::SiteView* reply) {
  return Serve(context, [=, this](const std::string& who) { *reply = desk_.Revoke(who, *request); });
}
AdminService::Unary* AdminService::AddAdministrator(Context* context, const v1::AddAdministratorRequest* request,
                                                    v1::AddAdministratorReply* reply) {
  return Serve(context, [=, this](const std::string& who) { *reply = desk_.AddAdministrator(who, *request); });
}
AdminService::Unary* AdminService::State(Context* context, const v1::StateRequest* request,
                                         v1::FederationState* reply) {
  return Serve(context, [=, this](const std::string&) { *reply = desk_.State(*request); });
}
AdminService::Unary* AdminService::AbortRun(Context* context, const v1::AbortRunRequest* request, v1::RunView* reply) {
  return Serve(context, [=, this](const std::string& who) { *reply = desk_.AbortRun(who, *request); });
}
AdminService::Unary* AdminService::Audit(Context* context, const v1::AuditRequest* request, v1::AuditReply* reply) {
  return Serve(context, [=, this](const std::string&) { *reply = desk_.Audit(*request); });
}

grpc::ServerWriteReactor<v1::FederationState>* AdminService::Watch(Context* context, const v1::StateRequest*) {
  return WatchCall::Begin<WatchCall>(loop_, desk_, Caller(desk_, door_, *context));
}

grpc::ServerReadReactor<v1::StartRunMessage>* AdminService::StartRun(Context* context, v1::StartRunReply* reply) {
  return StartRunCall::Begin<StartRunCall>(loop_, desk_, Caller(desk_, door_, *context), reply);
}

grpc::ServerWriteReactor<v1::Chunk>* AdminService::DownloadModel(Context* context, const v1::ModelRequest* request) {
  auto open = [this, caller = Caller(desk_, door_, *context), request = *request] {
    (void)caller.Admit();
    return std::make_unique<FileChunks>(desk_.ModelFile(request), 0);
  };
  return FileCall::Begin<FileCall>(loop_, open, [](std::uint64_t) {});
}

}  // namespace consilium
