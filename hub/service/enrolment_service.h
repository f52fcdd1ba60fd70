// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hub/event_loop.h"
#include "hub/service/desks.h"
#include "proto/site.grpc.pb.h"

namespace consilium {

// The enrolment door (site.proto, service Enrolment): no client certificate, useless without a token.
class EnrolmentService : public v1::Enrolment::CallbackService {
 public:
  EnrolmentService(EventLoop& loop, EnrolDesk& desk) : loop_(loop), desk_(desk) {}

  grpc::ServerWriteReactor<v1::EnrolReply>* Enrol(grpc::CallbackServerContext* context,
                                                  const v1::EnrolRequest* request) override;

 private:
  EventLoop& loop_;
  EnrolDesk& desk_;
};

}  // namespace consilium
