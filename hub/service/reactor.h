// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "hub/event_loop.h"
#include "proto/codec.h"

namespace consilium {

// What every streaming call of the hub has in common. A reactor owns itself until gRPC is done with it; tasks on the
// hub's thread hold it too. After End() nothing is started any more, so a late task cannot touch a dead call. Reactions
// never block: they post to the hub's thread.
template <class Base>
class CallReactor : public Base, public std::enable_shared_from_this<CallReactor<Base>> {
 public:
  // Makes a reactor and lets it live until its call is done.
  template <class Derived, class... Args>
  static Derived* Begin(Args&&... args) {
    auto reactor = std::make_shared<Derived>(std::forward<Args>(args)...);
    reactor->self_ = reactor;
    Derived* const call = reactor.get();
    call->Run();
    return call;
  }

  void End(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ended_, true)) return;
    this->Finish(status);
  }

 protected:
  explicit CallReactor(EventLoop& loop) : loop_(loop) {}

  // Runs `work` on the hub's thread; what it throws ends the call with its words.
  void Do(std::function<void()> work) {
    auto task = [self = this->shared_from_this(), work = std::move(work)] {
      try {
        work();
      } catch (const std::exception& error) {
        self->End(ToStatus(error));
      }
    };
    if (!loop_.Post(std::move(task))) End({grpc::StatusCode::UNAVAILABLE, "the hub is stopping"});
  }

  // Starts a read or write, unless the call has ended.
  template <class Start>
  void IfOpen(Start start) {
    const std::lock_guard lock(mutex_);
    if (!ended_) start();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    const auto self = std::move(self_);  // may be the last owner: nothing after this line
  }

  EventLoop& loop_;

 private:
  std::mutex mutex_;
  bool ended_ = false;  // guarded by mutex_
  std::shared_ptr<CallReactor> self_;
};

}  // namespace consilium
