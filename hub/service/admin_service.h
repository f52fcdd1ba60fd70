// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "hub/event_loop.h"
#include "hub/service/desks.h"
#include "proto/admin.grpc.pb.h"

namespace consilium {

// Who may call the administrator's service: whoever can open the Unix socket, or whoever shows an administrator's
// certificate.
enum class AdminDoor { kSocket, kMutualTls };

// The administrator's service (admin.proto) on one of its two doors.
class AdminService : public v1::Admin::CallbackService {
 public:
  AdminService(EventLoop& loop, AdminDesk& desk, AdminDoor door) : loop_(loop), desk_(desk), door_(door) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  Unary* Invite(Context* context, const v1::InviteRequest* request, v1::InviteReply* reply) override;
  Unary* Invitations(Context* context, const v1::InvitationsRequest* request, v1::InvitationsReply* reply) override;
  Unary* Withdraw(Context* context, const v1::WithdrawRequest* request, v1::InvitationView* reply) override;
  Unary* Approve(Context* context, const v1::SiteRequest* request, v1::SiteView* reply) override;
  Unary* Suspend(Context* context, const v1::SiteRequest* request, v1::SiteView* reply) override;
  Unary* Revoke(Context* context, const v1::SiteRequest* request, v1::SiteView* reply) override;
  Unary* AddAdministrator(Context* context, const v1::AddAdministratorRequest* request,
                          v1::AddAdministratorReply* reply) override;
  Unary* State(Context* context, const v1::StateRequest* request, v1::FederationState* reply) override;
  Unary* AbortRun(Context* context, const v1::AbortRunRequest* request, v1::RunView* reply) override;
  Unary* Audit(Context* context, const v1::AuditRequest* request, v1::AuditReply* reply) override;
  grpc::ServerWriteReactor<v1::FederationState>* Watch(Context* context, const v1::StateRequest* request) override;
  grpc::ServerReadReactor<v1::StartRunMessage>* StartRun(Context* context, v1::StartRunReply* reply) override;
  grpc::ServerWriteReactor<v1::Chunk>* DownloadModel(Context* context, const v1::ModelRequest* request) override;

 private:
  template <class Work>
  Unary* Serve(Context* context, Work work);

  EventLoop& loop_;
  AdminDesk& desk_;
  const AdminDoor door_;
};

}  // namespace consilium
