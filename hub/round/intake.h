// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/round/round_state.h"
#include "hub/screen/screener.h"
#include "hub/store/audit_log.h"
#include "hub/store/spool.h"

namespace consilium {

// Takes updates in: decides whether a submission is wanted now, spools it durably, judges it when it is complete. Does
// not change the run; the coordinator does, with the verdict. The hub's thread only.
class Intake {
 public:
  Intake(Spool& spool, AuditLog& audit) : spool_(spool), audit_(audit) {}

  void Begin(const RunPlan& plan);  // of the run whose updates come now

  // The bytes that the hub holds durably of this submission. Throws Error(kFailedPrecondition) for another run, round
  // or attempt than the current one or a site without an order, Error(kInvalidArgument) for a size that cannot be
  // right, Error(kAlreadyExists) for other bytes under a known id; refusals are audited.
  v1::UploadState Offer(const RunState* run, const SubmissionId& id, const v1::UploadHeader& header);

  // Takes the next bytes; true: the update is complete now. Throws Error(kFailedPrecondition) when its run has ended.
  bool Store(const RunState* run, const SubmissionId& id, const v1::Chunk& chunk);

  Verdict Judge(const RunState& run, const Submission& submission, std::int64_t declared_patients) const;

 private:
  static void RequireGoingOn(const RunState* run, const SubmissionId& id);
  void RequireWanted(const RunState* run, const SubmissionId& id) const;
  void RequireSize(std::uint64_t bytes) const;

  Spool& spool_;
  AuditLog& audit_;
  std::optional<Screener> screener_;
};

}  // namespace consilium
