// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/model/metrics.h"
#include "core/model/parameters.h"
#include "core/model/safetensors.h"

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

// All of an update file but its numbers, for readers that take those piece by piece. `head` must hold at least the
// safetensors header of a file of `file_size` bytes. The arrays' dtypes and values are not looked at.
struct UpdateHeader {
  SubmissionId id;
  Digest base;
  TrainMetrics metrics;
  SafetensorsHeader layout;
};
UpdateHeader ParseUpdateHeader(std::span<const std::byte> head, std::uint64_t file_size, std::string_view name);

}  // namespace consilium
