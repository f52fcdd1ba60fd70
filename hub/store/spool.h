// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/base/sqlite.h"
#include "core/model/model_update.h"
#include "proto/chunks.h"

namespace consilium {

// One submission as the database knows it.
struct Submission {
  SubmissionId id;
  Digest digest;
  std::uint64_t bytes = 0;
  enum class State { kArriving, kComplete, kAccepted, kRejected } state = State::kArriving;
  std::string reason;  // of a rejection
};

// Updates on their way into the hub: a row for each submission, and a file that grows by chunks until it is complete,
// fsynced and has its digest. The same id always means the same bytes. The hub's thread only.
class Spool {
 public:
  Spool(Database& database, std::filesystem::path dir);

  std::optional<Submission> Find(const SubmissionId& id) const;
  std::vector<Submission> Complete(const RunId& run) const;  // arrived and not yet judged

  // Begins or resumes; the caller has checked that the submission is wanted. Throws Error(kAlreadyExists) when the id
  // stands for other bytes.
  Submission Open(const SubmissionId& id, const Digest& digest, std::uint64_t bytes);
  // Bytes held durably. A file that is whole but not yet called so (a crash came in between) becomes complete now.
  std::uint64_t Offset(const SubmissionId& id);
  // Returns true when the file became complete; it is durable then. Throws Error(kDataLoss) for a wrong digest.
  bool Append(const SubmissionId& id, const v1::Chunk& chunk);

  void Judge(const SubmissionId& id, bool accepted, const std::string& reason);
  std::filesystem::path PathOf(const SubmissionId& id) const;
  void RemoveFile(const SubmissionId& id);  // the row stays: a repeated submission gets the same answer
  void RemoveRun(const RunId& run);         // all files of a run that has ended

 private:
  void Finish(const SubmissionId& id, PartialFile& file);
  PartialFile& FileOf(const Submission& submission);
  void SetState(const SubmissionId& id, Submission::State state, const std::string& reason);

  Database& database_;
  std::filesystem::path dir_;
  std::map<SubmissionId, std::unique_ptr<PartialFile>> open_;
};

}  // namespace consilium
