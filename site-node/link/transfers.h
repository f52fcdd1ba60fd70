// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>

#include "core/base/digest.h"
#include "proto/site.grpc.pb.h"
#include "site-node/link/backoff.h"
#include "site-node/link/hub_link.h"

namespace consilium {

// Moving files between a site and its hub, on their own streams, resumed after every cut.
class Transfers {
 public:
  Transfers(v1::Site::StubInterface& hub, Backoff backoff) : hub_(hub), backoff_(backoff) {}

  void Download(const Digest& model, std::uint64_t bytes, const std::filesystem::path& to, std::stop_token stop,
                const TransferProgress& progress);
  void Upload(const SealedUpdate& update, std::stop_token stop, const TransferProgress& progress);

 private:
  // Repeats `attempt` while it fails for a reason that passes (the hub is away, a cut), and a few times when the bytes
  // do not have their digest; waits between the tries.
  void Repeat(std::stop_token stop, const std::function<void()>& attempt);
  void DownloadOnce(const Digest& model, std::uint64_t bytes, const std::filesystem::path& part, std::stop_token stop,
                    const TransferProgress& progress);
  bool UploadOnce(const SealedUpdate& update, std::stop_token stop, const TransferProgress& progress);

  v1::Site::StubInterface& hub_;
  Backoff backoff_;
};

// Waits, at most `time`; true if `stop` came first.
bool WaitFor(std::chrono::duration<double> time, std::stop_token stop);

}  // namespace consilium
