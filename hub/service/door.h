// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <string>

namespace consilium {

// For a Unix socket, where the rights of the file say who may come in.
std::shared_ptr<grpc::ServerCredentials> SocketCredentials();

// One listening address with one service behind it. Not listening unless open; closing ends the calls that are going
// on.
class Door {
 public:
  // `address` is H:P (port 0: any free one, kept for later openings) or unix:PATH. `service` outlives the door.
  Door(std::string address, std::shared_ptr<grpc::ServerCredentials> credentials, grpc::Service& service);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  void Open();  // throws Error(kUnavailable) when the address cannot be had
  void Close(std::chrono::milliseconds patience = std::chrono::milliseconds(200));
  bool open() const { return server_ != nullptr; }
  const std::string& address() const { return address_; }  // with the real port, once it was open

 private:
  std::string address_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  grpc::Service& service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace consilium
