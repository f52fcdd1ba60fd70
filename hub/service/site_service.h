// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hub/event_loop.h"
#include "hub/service/desks.h"
#include "proto/site.grpc.pb.h"

namespace consilium {

// The sites' door (site.proto, service Site): every call begins with Admit() of the caller's certificate.
class SiteService : public v1::Site::CallbackService {
 public:
  SiteService(EventLoop& loop, SiteDesk& desk) : loop_(loop), desk_(desk) {}

  grpc::ServerBidiReactor<v1::SiteMessage, v1::HubMessage>* Control(grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::Chunk>* Download(grpc::CallbackServerContext* context,
                                                const v1::DownloadRequest* request) override;
  grpc::ServerUnaryReactor* Offer(grpc::CallbackServerContext* context, const v1::UploadHeader* request,
                                  v1::UploadState* reply) override;
  grpc::ServerReadReactor<v1::UploadMessage>* Upload(grpc::CallbackServerContext* context,
                                                     v1::UploadState* reply) override;

 private:
  EventLoop& loop_;
  SiteDesk& desk_;
};

}  // namespace consilium
