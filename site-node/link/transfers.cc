// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/transfers.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/log.h"
#include "proto/chunks.h"
#include "proto/codec.h"

namespace consilium {
namespace {

// Failures that may pass when it is tried again. A hub that stops cancels its calls.
bool Passes(ErrorCode code) {
  return code == ErrorCode::kCancelled || code == ErrorCode::kUnavailable || code == ErrorCode::kDeadlineExceeded ||
         code == ErrorCode::kAborted;
}

// A damaged transfer is sent whole again, but not for ever: the file itself may be wrong.
constexpr int kMostDamaged = 3;

[[noreturn]] void Cancelled() { throw Error(ErrorCode::kCancelled, "the transfer was cancelled"); }

double Share(std::uint64_t done, std::uint64_t all) {
  return all > 0 ? static_cast<double>(done) / static_cast<double>(all) : 1.0;
}

}  // namespace

bool WaitFor(std::chrono::duration<double> time, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
  return stop.stop_requested();
}

void Transfers::Repeat(std::stop_token stop, const std::function<void()>& attempt) {
  for (int damaged = 0;;) {
    try {
      return attempt();
    } catch (const Error& error) {
      if (stop.stop_requested()) Cancelled();
      if (error.code() == ErrorCode::kDataLoss && ++damaged == kMostDamaged) {
        throw Error(ErrorCode::kDataLoss, fmt::format("{} (tried {} times)", error.what(), damaged),
                    "Have the hub's administrator check the file there: consilium inspect FILE");
      }
      if (!Passes(error.code()) && error.code() != ErrorCode::kDataLoss) throw;
      LogWarning("a transfer was cut and goes on", {{"reason", error.what()}});
    }
    if (WaitFor(backoff_.Next(), stop)) Cancelled();
  }
}

void Transfers::Download(const Digest& model, std::uint64_t bytes, const std::filesystem::path& to,
                         std::stop_token stop, const TransferProgress& progress) {
  const std::filesystem::path part = std::filesystem::path(to) += ".part";
  std::filesystem::create_directories(to.parent_path());
  Repeat(stop, [&] { DownloadOnce(model, bytes, part, stop, progress); });
  std::filesystem::rename(part, to);
}

void Transfers::DownloadOnce(const Digest& model, std::uint64_t bytes, const std::filesystem::path& part,
                             std::stop_token stop, const TransferProgress& progress) {
  PartialFile file(part, bytes, model);
  if (!file.full()) {
    grpc::ClientContext context;
    const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    v1::DownloadRequest request;
    request.set_digest(ToBytes(model));
    request.set_offset(file.offset());
    const auto stream = hub_.Download(&context, request);
    std::optional<Error> bad;
    for (v1::Chunk chunk; !bad && stream->Read(&chunk);) {
      try {
        file.Append(chunk);
        backoff_.Reset();
      } catch (const Error& error) {
        bad = error;
        context.TryCancel();
      }
      if (progress) progress(Share(file.offset(), bytes));
    }
    const grpc::Status status = stream->Finish();
    if (bad) throw *bad;
    ThrowUnlessOk(status, fmt::format("cannot fetch the model {} from the hub", model.Short()));
    if (!file.full()) throw Error(ErrorCode::kUnavailable, "the hub ended the model's stream too early");
  }
  file.Finish();
}

void Transfers::Upload(const SealedUpdate& update, std::stop_token stop, const TransferProgress& progress) {
  Repeat(stop, [&] {
    if (!UploadOnce(update, stop, progress)) throw Error(ErrorCode::kUnavailable, "the hub does not hold it all yet");
  });
}

// True when the hub says that it holds the whole update.
bool Transfers::UploadOnce(const SealedUpdate& update, std::stop_token stop, const TransferProgress& progress) {
  const std::string doing = fmt::format("cannot send update {}", update.id().Text());
  v1::UploadMessage first;
  *first.mutable_header() = ToMessage(update.id(), update.digest(), update.bytes());
  v1::UploadState state;
  {
    grpc::ClientContext context;
    const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    ThrowUnlessOk(hub_.Offer(&context, first.header(), &state), doing);
  }
  if (state.complete()) return true;

  FileChunks chunks(update.file(), state.offset());
  grpc::ClientContext context;
  const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
  const auto stream = hub_.Upload(&context, &state);
  bool open = stream->Write(first);
  while (open) {
    std::optional<v1::Chunk> chunk = chunks.Next();
    if (!chunk) break;
    v1::UploadMessage message;
    *message.mutable_chunk() = std::move(*chunk);
    open = stream->Write(message);
    if (progress) progress(Share(chunks.offset(), update.bytes()));
  }
  stream->WritesDone();
  ThrowUnlessOk(stream->Finish(), doing);
  return state.complete();
}

}  // namespace consilium
