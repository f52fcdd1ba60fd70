// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "hub/service/reactor.h"
#include "proto/chunks.h"

namespace consilium {

// Sends a file in chunks, one in memory; the next one is read when the last one has left.
class FileCall : public CallReactor<grpc::ServerWriteReactor<v1::Chunk>> {
 public:
  using Open = std::function<std::unique_ptr<FileChunks>()>;  // on the hub's thread; throws Error
  using Sent = std::function<void(std::uint64_t bytes)>;      // on the hub's thread

  FileCall(EventLoop& loop, Open open, Sent sent) : CallReactor(loop), open_(std::move(open)), sent_(std::move(sent)) {}

  void Run() {
    Do([this] {
      file_ = open_();
      Next();
    });
  }

 private:
  void Next() {
    auto chunk = file_->Next();
    if (!chunk) return End(grpc::Status::OK);
    chunk_ = std::move(*chunk);
    IfOpen([this] { StartWrite(&chunk_); });
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return End(grpc::Status::CANCELLED);
    Do([this] {
      sent_(chunk_.data().size());
      Next();
    });
  }

  Open open_;
  Sent sent_;
  std::unique_ptr<FileChunks> file_;
  v1::Chunk chunk_;
};

}  // namespace consilium
