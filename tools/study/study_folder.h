// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/model/model_card.h"
#include "core/round/run_plan.h"
#include "tools/study/cohort.h"

namespace consilium {

// A model that a study trained, and how.
struct TrainedArm {
  std::string name;  // "pooled", "federated" or "local:SITE"
  Parameters parameters;
  std::int64_t steps = 0;
  double seconds = 0;
  std::vector<double> loss;   // of each round, or stretch of as many steps
  bool largest_only = false;  // of its predictions, the largest connected part alone counts
};

// What makes two studies the same one: plan and seed, every number of every patient, and who has which part.
Digest StudyIdentity(const RunPlan& plan, std::span<const Cohort> cohorts);

// Where a study keeps what is done, so that the same command goes on after a stop:
//   study.json             the identity, and of each arm its steps, seconds and losses
//   models/ARM.safetensors the arm's model, as any other of ours
class StudyFolder {
 public:
  // Makes the folder. Throws Error(kFailedPrecondition) if it holds another study.
  StudyFolder(std::filesystem::path dir, const Digest& identity);

  std::optional<TrainedArm> Find(const std::string& name) const;
  void Keep(const RunPlan& plan, const TrainedArm& arm);  // durably
  const std::filesystem::path& dir() const { return dir_; }

 private:
  std::filesystem::path ModelFile(const std::string& name) const;
  std::filesystem::path dir_;
  std::string identity_;
};

}  // namespace consilium
