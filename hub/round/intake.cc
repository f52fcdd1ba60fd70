// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/round/intake.h"

#include <algorithm>

#include "core/base/error.h"
#include "cuda/ops/fixed_point_sum.h"
#include "proto/codec.h"

namespace consilium {
namespace {

constexpr std::uint64_t kMostOverhead = (std::uint64_t{1} << 20) + 8;  // a safetensors header and its length

std::string Place(const RunState& run) {
  return "run " + run.run.text() + " is in round " + std::to_string(run.round.value()) + ", attempt " +
         std::to_string(run.attempt) + " (" + std::string(Name(run.phase)) + ")";
}

}  // namespace

void Intake::Begin(const RunPlan& plan) { screener_.emplace(plan); }

v1::UploadState Intake::Offer(const RunState* run, const SubmissionId& id, const v1::UploadHeader& header) {
  try {
    const Digest digest = DigestFromBytes(header.digest(), "the upload");
    const auto known = spool_.Find(id);
    if (!known) {  // a repeated one gets its old answer, also after its round
      RequireWanted(run, id);
      RequireSize(header.bytes());
    } else if (known->state == Submission::State::kArriving) {
      RequireGoingOn(run, id);
    }
    spool_.Open(id, digest, header.bytes());
    v1::UploadState state;
    state.set_offset(spool_.Offset(id));
    state.set_complete(spool_.Find(id)->state != Submission::State::kArriving);
    return state;
  } catch (const Error& error) {
    audit_.Add("site " + id.site.text(), "refuse upload", id.Text(), error.what());
    throw;
  }
}

bool Intake::Store(const RunState* run, const SubmissionId& id, const v1::Chunk& chunk) {
  const auto known = spool_.Find(id);
  if (known && known->state == Submission::State::kArriving) RequireGoingOn(run, id);
  return spool_.Append(id, chunk);
}

// Of an ended run nothing is kept: its bytes would lie in the spool for ever.
void Intake::RequireGoingOn(const RunState* run, const SubmissionId& id) {
  if (run != nullptr && run->run == id.run && !run->ended()) return;
  throw Error(ErrorCode::kFailedPrecondition, "run " + id.run.text() + " is not going on", "Wait for the next order.");
}

void Intake::RequireWanted(const RunState* run, const SubmissionId& id) const {
  RequireGoingOn(run, id);
  if (run->phase != RunPhase::kTraining || run->round != id.round || run->attempt != id.attempt) {
    throw Error(ErrorCode::kFailedPrecondition, "update " + id.Text() + " comes too late or too early: " + Place(*run),
                "Drop it and wait for the next order.");
  }
  if (!run->ordered.contains(id.site)) {
    throw Error(ErrorCode::kFailedPrecondition, "site " + id.site.text() + " has no order in this round",
                "Wait for an order.");
  }
}

void Intake::RequireSize(std::uint64_t bytes) const {
  Ensure(screener_.has_value(), "a running run has a screener");
  const std::uint64_t numbers = static_cast<std::uint64_t>(screener_->count()) * sizeof(float);
  Require(bytes >= numbers && bytes <= numbers + kMostOverhead,
          "an update of " + std::to_string(bytes) + " bytes cannot be of this model, which has " +
              std::to_string(numbers) + " bytes of numbers",
          "Was it trained with another plan?");
}

Verdict Intake::Judge(const RunState& run, const Submission& submission, std::int64_t declared_patients) const {
  Ensure(screener_.has_value(), "a running run has a screener");
  // So many patients from each site at most that the exact sum cannot overflow.
  const auto sites = std::max<std::int64_t>(1, static_cast<std::int64_t>(run.ordered.size()));
  std::int64_t left = kFixedPointMaxWeight;  // a site ordered later finds what the others left
  for (const AcceptedUpdate& update : run.accepted) left -= update.metrics.samples;
  const std::int64_t most = std::min({declared_patients, kFixedPointMaxWeight / sites, left});
  try {
    const SpooledUpdate update(spool_.PathOf(submission.id), "the update");
    return screener_->Check(update, {submission.id, run.model, most});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kResourceExhausted || error.code() == ErrorCode::kUnavailable) throw;  // of the hub
    return {false, error.what(), {}};
  }
}

}  // namespace consilium
