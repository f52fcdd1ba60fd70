// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/panel/panel_server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "core/base/error.h"
#include "proto/codec.h"
#include "proto/tls.h"
#include "site-node/panel/panel_service.h"

namespace consilium {
namespace {

constexpr std::size_t kLongestSocketPath = 100;  // the system takes 107

std::string SocketAddress(const std::filesystem::path& socket) {
  Require(socket.string().size() <= kLongestSocketPath,
          fmt::format("the path {} is too long for a socket", socket.string()), "Give a shorter folder with --dir.");
  return "unix:" + socket.string();
}

}  // namespace

struct PanelServer::Impl {
  Impl(PanelData& data, Readers& readers) : remote(data, &readers), local(data, nullptr) {}
  PanelService remote, local;
  std::unique_ptr<grpc::Server> remote_server, local_server;
  std::string address;
};

PanelServer::PanelServer(PanelData& data, Readers& readers, const std::string& listen,
                         const std::filesystem::path& socket)
    : impl_(std::make_unique<Impl>(data, readers)) {
  const Readers::ServerIdentity identity = readers.MakeServerIdentity();
  int port = 0;
  grpc::ServerBuilder remote;
  SetServerLimits(remote);
  remote.AddListeningPort(
      listen, MutualServerCredentials({identity.certificate_pem, identity.key_pem}, identity.authority_pem), &port);
  remote.RegisterService(&impl_->remote);
  impl_->remote_server = remote.BuildAndStart();
  if (!impl_->remote_server || port == 0) {
    throw Error(ErrorCode::kUnavailable, fmt::format("the panel cannot listen on {}", listen),
                "Is another program there already? Set `panel_listen` in site.toml, or give --panel-listen H:P.");
  }
  impl_->address = fmt::format("{}:{}", listen.substr(0, listen.rfind(':')), port);

  const std::string address = SocketAddress(socket);
  std::filesystem::remove(socket);
  grpc::ServerBuilder local;
  SetServerLimits(local);
  local.AddListeningPort(address, grpc::InsecureServerCredentials());
  local.RegisterService(&impl_->local);
  impl_->local_server = local.BuildAndStart();
  if (!impl_->local_server) {
    throw Error(ErrorCode::kUnavailable, fmt::format("cannot make the socket {}", socket.string()),
                "Is the folder on a disk that can hold sockets?");
  }
}

PanelServer::~PanelServer() {
  const auto soon = std::chrono::system_clock::now() + std::chrono::seconds(1);
  if (impl_->remote_server) impl_->remote_server->Shutdown(soon);
  if (impl_->local_server) impl_->local_server->Shutdown(soon);
}

const std::string& PanelServer::address() const { return impl_->address; }

PredictionView AskForPrediction(const std::filesystem::path& socket, const CaseId& id) {
  const auto stub = v1::Panel::NewStub(MakeLocalChannel(SocketAddress(socket)));
  grpc::ClientContext context;
  v1::PredictRequest request;
  request.set_id(id.text());
  v1::PredictReply reply;
  ThrowUnlessOk(stub->Predict(&context, request, &reply), "cannot ask the running service for a prediction");
  return PredictionFromMessage(reply.prediction());
}

void TellLibraryChanged(const std::filesystem::path& socket) {
  const auto stub = v1::Panel::NewStub(MakeLocalChannel(SocketAddress(socket)));
  grpc::ClientContext context;
  v1::LibraryChangedReply reply;
  ThrowUnlessOk(stub->LibraryChanged(&context, v1::LibraryChangedRequest(), &reply),
                "cannot tell the running service about the new cases");
}

}  // namespace consilium
