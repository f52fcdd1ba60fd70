// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/support/server_callback.h>

#include <utility>

#include "hub/event_loop.h"
#include "proto/codec.h"

namespace consilium {

// Answers a unary call by work on the hub's thread, which fills the reply or throws.
template <class Work>
grpc::ServerUnaryReactor* Answer(EventLoop& loop, grpc::CallbackServerContext* context, Work work) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool posted = loop.Post([reactor, work = std::move(work)] {
    grpc::Status status;
    try {
      work();
    } catch (const std::exception& error) {
      status = ToStatus(error);
    }
    reactor->Finish(status);
  });
  if (!posted) reactor->Finish({grpc::StatusCode::UNAVAILABLE, "the hub is stopping"});
  return reactor;
}

}  // namespace consilium
