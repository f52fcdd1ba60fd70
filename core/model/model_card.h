// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/data/coded_concept.h"
#include "core/model/network_spec.h"
#include "core/model/parameters.h"
#include "core/round/prep_plan.h"

namespace consilium {

// What a model is and what data it may meet; travels inside the model's safetensors metadata, as JSON.
struct ModelCard {
  NetworkSpec network;
  PrepPlan prep;              // a sample prepared by another plan is refused (compared by digest)
  std::int64_t patch = 48;    // cubic edge in voxels of the tiles it predicts by: TrainPlan::patch of its training
  bool mirror = false;        // its tiles are predicted flipped along every set of axes too: PredictPlan::mirror
  bool largest_only = false;  // of a prediction, only the largest connected part counts: PredictPlan::components
  std::string keep_local = "none";  // arrays that stay in each hospital: AggregationPlan::keep_local
  bool own = false;  // one hospital's own version of `parent`: with its own arrays, or tuned on its patients
  std::string label = kNeoplasm.Key() + " " + kNeoplasm.meaning;  // what it finds: the plan's; older files mean this
  FederationId federation;
  RunId run;
  ModelVersion version;  // 0 is the initial model; rises by 1 a round
  std::uint64_t seed = 0;
  Digest parent;             // digest of the model file it was made from; zero for version 0
  std::int64_t sites = 0;    // hospitals whose updates are in this version
  std::int64_t samples = 0;  // training patients behind them

  CodedConcept Label() const { return ParseCodedConcept(label); }

  friend bool operator==(const ModelCard&, const ModelCard&) = default;
};

std::string ToJson(const ModelCard& card);
ModelCard ModelCardFromJson(std::string_view json, std::string_view name);  // throws Error(kInvalidArgument)

// A model file = safetensors with metadata {"consilium.card": JSON}. Its digest is SHA-256 of the whole file.
struct GlobalModel {
  ModelCard card;
  Parameters parameters;
  Digest digest;  // of the serialised file
};

std::vector<std::byte> SerializeModel(const ModelCard& card, const Parameters& parameters);
// Checks that the arrays are those of the card's network and that all are finite.
GlobalModel ParseModel(std::span<const std::byte> bytes, std::string_view name);
GlobalModel ReadModelFile(const std::filesystem::path& file);

}  // namespace consilium
