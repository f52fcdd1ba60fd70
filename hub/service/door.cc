// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/service/door.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "core/base/error.h"
#include "proto/tls.h"

namespace consilium {

std::shared_ptr<grpc::ServerCredentials> SocketCredentials() { return grpc::InsecureServerCredentials(); }

Door::Door(std::string address, std::shared_ptr<grpc::ServerCredentials> credentials, grpc::Service& service)
    : address_(std::move(address)), credentials_(std::move(credentials)), service_(service) {}

Door::~Door() { Close(); }

void Door::Open() {
  if (server_) return;
  grpc::ServerBuilder builder;
  SetServerLimits(builder);
  int port = 0;
  builder.AddListeningPort(address_, credentials_, &port);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  const bool tcp = !address_.starts_with("unix:");
  if (!server_ || (tcp && port <= 0)) {
    server_.reset();
    throw Error(ErrorCode::kUnavailable, "cannot listen on " + address_,
                "Is the address one of this machine, and is nothing else listening there?");
  }
  if (tcp) address_ = address_.substr(0, address_.rfind(':') + 1) + std::to_string(port);
}

void Door::Close(std::chrono::milliseconds patience) {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now() + patience);
  server_->Wait();
  server_.reset();
}

}  // namespace consilium
