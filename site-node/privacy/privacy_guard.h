// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/file_store.h"
#include "core/base/sqlite.h"
#include "core/model/model_update.h"

namespace consilium {

// The hospital's own limits on what may leave. No hub and no plan can widen them.
struct EgressLimits {
  double max_norm = 1000;         // Euclidean, of an update
  std::int64_t min_patients = 3;  // distinct people that an update was learnt from, not their studies
};

// One line of the list of all that left this hospital.
struct EgressEntry {
  std::int64_t number = 0;  // from 1, in the order of leaving
  WallTime time;
  SubmissionId id;
  Digest digest;
  std::int64_t bytes = 0;
  std::int64_t tensors = 0;
  std::int64_t numbers = 0;
  double norm = 0;
  double norm_limit = 0;
  TrainMetrics metrics;  // travel beside the numbers
  bool acknowledged = false;
};

// An update that may leave: only PrivacyGuard makes one, and only a SealedUpdate can be sent. Holds the name of a
// durable file, not the numbers.
class SealedUpdate {
 public:
  const SubmissionId& id() const { return id_; }
  const Digest& digest() const { return digest_; }
  std::uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  friend class PrivacyGuard;
  SealedUpdate(SubmissionId id, Digest digest, std::uint64_t bytes, std::filesystem::path file)
      : id_(std::move(id)), digest_(digest), bytes_(bytes), file_(std::move(file)) {}

  SubmissionId id_;
  Digest digest_;
  std::uint64_t bytes_ = 0;
  std::filesystem::path file_;
};

// The gate that every update passes on its way out, and the ledger of what passed. Thread-safe.
class PrivacyGuard {
 public:
  // Files and ledger live in `dir`.
  PrivacyGuard(const std::filesystem::path& dir, EgressLimits limits, Clock& clock);

  // Checks that the update has the global model's arrays and nothing else, that every number in it and beside it is
  // finite, that its norm is within the limit (the smaller of ours and `plan_norm`) and that enough patients stand
  // behind it; then writes the file and the ledger's line, durably. The same submission from the same base sealed
  // before gives the first one back: an id never stands for two contents. Throws Error(kPermissionDenied) with the
  // reason.
  SealedUpdate Seal(const ModelUpdate& update, const Parameters& global, double plan_norm);

  // An update sealed before a restart, so that it is sent and not learnt again. Only one that was learnt from the model
  // `base`: another hub, or this one made anew, may give the same name to another order.
  std::optional<SealedUpdate> Find(const SubmissionId& id, const Digest& base);

  void Acknowledged(const SealedUpdate& update);  // the hub holds it

  std::vector<EgressEntry> Ledger();  // newest first

 private:
  const std::filesystem::path dir_;
  const EgressLimits limits_;
  Clock& clock_;
  std::mutex mutex_;  // guards all below
  FileStore files_;
  Database database_;
};

// The words of `consilium-site egress show`.
std::string Describe(const EgressEntry& entry);

}  // namespace consilium
