// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "core/base/sqlite.h"
#include "site-node/predict/prediction.h"

namespace consilium {

struct PredictionQuota {
  std::int64_t versions = 10;                  // of a case
  std::int64_t bytes = std::int64_t{1} << 30;  // of all, label maps as they are stored
};

// A stored prediction without its label map: what a worklist shows.
struct PredictionSummary {
  CaseId id;
  Digest model;
  ModelVersion version;
  std::int64_t lesions = 0;
  double volume_ml = 0;
  double entropy = 0;
  double dice = -1;
};

// Predictions by (case, model), run-length encoded. The newest versions are kept under a quota. Thread-safe; several
// processes may open one store.
class PredictionStore {
 public:
  PredictionStore(const std::filesystem::path& dir, PredictionQuota quota);

  void Put(const Prediction& prediction);  // in place of an older one of the same case and model
  std::optional<Prediction> Get(const CaseId& id, const Digest& model);
  std::optional<Prediction> Newest(const CaseId& id);
  std::vector<Digest> Models(const CaseId& id);   // newest first
  std::vector<PredictionSummary> NewestOfEach();  // one for each case that has any
  std::set<CaseId> PredictedBy(const Digest& model);
  void Forget(const CaseId& id);  // its images changed

 private:
  std::optional<Prediction> ReadOne(Statement& read);

  const PredictionQuota quota_;
  std::mutex mutex_;  // guards database_
  Database database_;
};

}  // namespace consilium
