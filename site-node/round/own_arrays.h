// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "core/round/run_plan.h"

namespace consilium {

// The arrays of a run's models that stay in this hospital (AggregationPlan::keep_local), as it left them in each round:
// FedBN (Li et al., ICLR 2021), here for the scale and shift of instance and group norm. Files of one folder, at most
// two rounds a run. One thread at a time; another process may read.
class OwnArrays {
 public:
  explicit OwnArrays(std::filesystem::path dir);

  // The global model with this hospital's arrays in place of the global ones, as they were before round `before` (by
  // default: as they are now). Unchanged if the model keeps nothing local, or nothing was kept yet. Throws
  // Error(kInvalidArgument) for a file of another network.
  Parameters In(const GlobalModel& model, std::optional<std::int64_t> before = std::nullopt) const;
  bool Has(const GlobalModel& model) const;

  // After a round: keeps the arrays that the plan says, and takes them out of what is sent, where 0 stands for them.
  void Keep(const RunPlan& plan, const SubmissionId& id, const Parameters& trained, Parameters& delta) const;

 private:
  std::filesystem::path FileOf(const RunId& run, std::int64_t round) const;
  std::optional<std::int64_t> Newest(const RunId& run, std::optional<std::int64_t> before) const;

  const std::filesystem::path dir_;
};

// This hospital's own version of a global model: the same card, marked as its own, and `parameters`. It never leaves.
GlobalModel OwnVersion(const GlobalModel& model, Parameters parameters);

}  // namespace consilium
