// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/model/metrics.h"
#include "core/model/parameters.h"

namespace consilium {

// The one name of a submission; the same id always means the same bytes.
struct SubmissionId {
  RunId run;
  RoundNumber round;
  SiteId site;
  std::int64_t attempt = 1;
  std::string Text() const;  // "run/round/site/attempt"
  friend auto operator<=>(const SubmissionId&, const SubmissionId&) = default;
};

// What one site learnt in one round: trained minus global, in the global model's layout.
struct ModelUpdate {
  SubmissionId id;
  Digest base;  // digest of the global model it was trained from
  TrainMetrics metrics;
  Parameters delta;
};

// An update file = safetensors with metadata {"consilium.update": JSON of all but the arrays}.
std::vector<std::byte> SerializeUpdate(const ModelUpdate& update);
ModelUpdate ParseUpdate(std::span<const std::byte> bytes, std::string_view name);

}  // namespace consilium
