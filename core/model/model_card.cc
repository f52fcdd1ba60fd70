// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/model_card.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/json_fields.h"
#include "core/model/safetensors.h"

namespace consilium {
namespace {

constexpr const char* kCardKey = "consilium.card";
constexpr std::int64_t kFormat = 1;
constexpr std::int64_t kUsualPatch = 48;     // of cards that were written before they held one
constexpr std::int64_t kLargestPatch = 512;  // as in TrainPlan

template <class V, class Card>
void VisitCard(V& v, Card& card) {
  v.Section("network", card.network);
  v.Section("prep", card.prep);
  v.NewField("patch", card.patch);
  v.NewField("mirror", card.mirror);
  v.NewField("largest_only", card.largest_only);
  v.NewField("keep_local", card.keep_local);
  v.NewField("own", card.own);
  v.NewField("label", card.label);
  v.Field("federation", card.federation);
  v.Field("run", card.run);
  v.Field("version", card.version);
  v.Field("seed", card.seed);
  v.Field("parent", card.parent);
  v.Field("sites", card.sites);
  v.Field("samples", card.samples);
}

ModelCard CardOf(const ParametersFile& file, std::string_view name) {
  const auto found = file.metadata.find(kCardKey);
  Require(found != file.metadata.end(), std::string(name) + " holds no model card",
          "It is a safetensors file of another program, or an update; a model of Consilium is needed.");
  return ModelCardFromJson(found->second, name);
}

// The file's arrays in the network's own order: other programs store them by name.
Parameters InNetworkOrder(Parameters parameters, const NetworkSpec& network, std::string_view name) {
  Parameters ordered, expected;
  for (ArraySpec& spec : LayoutOf(network)) {
    const auto found = std::find_if(parameters.arrays.begin(), parameters.arrays.end(),
                                    [&](const NamedArray& array) { return array.name == spec.name; });
    Require(found != parameters.arrays.end(), std::string(name) + ": the array `" + spec.name + "` is missing",
            "The model card speaks of another network than the file holds.");
    ordered.arrays.push_back(std::move(*found));
    parameters.arrays.erase(found);
    if (ordered.arrays.back().shape != spec.shape) {
      expected.arrays = {NamedArray{spec.name, spec.shape, {}}};
      RequireSameLayout(Parameters{{std::move(ordered.arrays.back())}}, expected, name);
    }
  }
  Require(parameters.arrays.empty(),
          std::string(name) + ": its network has no array `" +
              (parameters.arrays.empty() ? "" : parameters.arrays.front().name.substr(0, 60)) + "`",
          "The model card speaks of another network than the file holds.");
  return ordered;
}

GlobalModel ToModel(ParametersFile file, std::string_view name, const Digest& digest) {
  GlobalModel model;
  model.card = CardOf(file, name);
  model.parameters = InNetworkOrder(std::move(file.parameters), model.card.network, name);
  model.digest = digest;
  return model;
}

}  // namespace

std::string ToJson(const ModelCard& card) {
  JsonWriter writer;
  writer.Field("format", kFormat);
  ModelCard copy = card;  // Visit is one function for reading and writing
  VisitCard(writer, copy);
  return std::move(writer).Take().dump();
}

ModelCard ModelCardFromJson(std::string_view json, std::string_view name) {
  const std::string what = "model card of " + std::string(name);
  const auto parsed = ParseJson(json, what);
  JsonReader reader(parsed, what);
  std::int64_t format = 0;
  reader.Field("format", format);
  Require(format == kFormat, what + ": it has format " + std::to_string(format) + ", this program knows 1",
          "Use the program version that wrote it.");
  ModelCard card;
  VisitCard(reader, card);
  reader.Finish();
  try {
    card.network.Validate();
    card.prep.Validate();
    ParseCodedConcept(card.label);
  } catch (const Error& error) {
    throw Error(error.code(), what + ": " + error.what(), error.next_step());
  }
  if (!parsed.contains("patch")) card.patch = card.network.PatchFrom(kUsualPatch);
  Require(card.patch <= kLargestPatch && card.patch == card.network.PatchFrom(card.patch),
          what + ": `patch` is " + std::to_string(card.patch) + "; it must be a multiple of " +
              std::to_string(card.network.GridFactor()) + ", at least twice that and at most 512");
  Require(card.sites >= 0 && card.samples >= 0, what + ": a count is negative");
  return card;
}

std::vector<std::byte> SerializeModel(const ModelCard& card, const Parameters& parameters) {
  return SerializeParameters(parameters, {{kCardKey, ToJson(card)}});
}

GlobalModel ParseModel(std::span<const std::byte> bytes, std::string_view name) {
  return ToModel(ParseParameters(bytes, name), name, DigestOf(bytes));
}

GlobalModel ReadModelFile(const std::filesystem::path& file) {
  const auto bytes = ReadFile(file);
  return ParseModel(bytes, file.filename().string());
}

}  // namespace consilium
