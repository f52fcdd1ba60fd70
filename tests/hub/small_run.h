// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_store.h"
#include "core/model/model_update.h"
#include "core/model/network_spec.h"
#include "core/round/run_plan.h"
#include "proto/codec.h"

namespace consilium {

// A plan whose model has a few hundred numbers, for two sites.
inline RunPlan SmallPlan() {
  RunPlan plan;
  plan.name = "tiny";
  plan.rounds = 2;
  plan.round.deadline_s = 60;
  plan.network.features = {1, 2};
  plan.network.convs_per_stage = 1;
  plan.network.deep_supervision = false;
  plan.train.patch = 16;
  return plan;
}

inline SubmissionId SmallId(const std::string& site = "north", std::int64_t round = 1, std::int64_t attempt = 1) {
  return {RunId("tiny-1"), RoundNumber(round), SiteId(site), attempt};
}

// An update of the plan's model: every number moves by `change`.
inline ModelUpdate SmallUpdate(const RunPlan& plan, const SubmissionId& id, const Digest& base, float change,
                               std::int64_t samples = 10) {
  ModelUpdate update{id, base, {0.5, 50, samples, {1.5, 2}, 3.25}, InitialParameters(plan.network, 1)};
  for (NamedArray& array : update.delta.arrays) std::fill(array.values.begin(), array.values.end(), change);
  return update;
}

inline std::string TextOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string TextOfFile(const std::filesystem::path& file) { return TextOf(ReadFile(file)); }

inline v1::UploadHeader HeaderOf(const SubmissionId& id, std::string_view bytes) {
  return ToMessage(id, DigestOf(bytes), bytes.size());
}

// The bytes [from, to) of a file on its way.
inline v1::Chunk PartOf(std::string_view bytes, std::size_t from, std::size_t to = std::string_view::npos) {
  v1::Chunk chunk;
  chunk.set_offset(from);
  chunk.set_data(std::string(bytes.substr(from, to == std::string_view::npos ? to : to - from)));
  return chunk;
}

}  // namespace consilium
