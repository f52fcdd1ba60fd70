// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/model/network_spec.h"
#include "core/round/run_plan.h"
#include "hub/store/spooled_update.h"

namespace consilium {

// Whether an update may enter the sum; if not, why, in words for the site and the administrator.
struct Verdict {
  bool accepted = false;
  std::string reason;  // of a refusal
  TrainMetrics metrics;
};

struct ScreenTerms {
  SubmissionId id;                // what the update must call itself
  Digest base;                    // the round's global model
  std::int64_t most_samples = 1;  // training patients that the site has declared
};

// Judges updates of one run by its plan: the right arrays, the right base, finite numbers, a bounded norm, a believable
// count of patients and metrics. Reads an update once, piece by piece. A value; any thread.
class Screener {
 public:
  explicit Screener(const RunPlan& plan);
  Verdict Check(const SpooledUpdate& update, const ScreenTerms& terms) const;

  std::int64_t count() const { return count_; }  // numbers in a right update

 private:
  void CheckArrays(const SpooledUpdate& update) const;
  void CheckMetrics(const TrainMetrics& metrics, const ScreenTerms& terms) const;
  void CheckNumbers(const SpooledUpdate& update) const;

  std::vector<ArraySpec> layout_;
  std::int64_t count_ = 0;
  std::int64_t steps_;
  double max_norm_;
};

}  // namespace consilium
