// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/model_update.h"

#include <cmath>
#include <map>

#include "core/base/error.h"
#include "core/model/json_fields.h"
#include "core/model/metrics_fields.h"
#include "core/model/safetensors.h"

namespace consilium {
namespace {

constexpr const char* kUpdateKey = "consilium.update";
constexpr std::int64_t kFormat = 1;

template <class V, class Update>
void VisitUpdate(V& v, Update& update) {
  v.Field("run", update.id.run);
  v.Field("round", update.id.round);
  v.Field("site", update.id.site);
  v.Field("attempt", update.id.attempt);
  v.Field("base", update.base);
  VisitMetrics(v, update.metrics);
}

template <class Update>
void ReadMetadata(const std::map<std::string, std::string>& metadata, std::string_view name, Update& update) {
  const auto found = metadata.find(kUpdateKey);
  Require(found != metadata.end(), std::string(name) + " holds no update",
          "It is another safetensors file; an update of consilium-site is needed.");
  const auto json = ParseJson(found->second, std::string(name));
  JsonReader reader(json, std::string(name));
  std::int64_t format = 0;
  reader.Field("format", format);
  Require(format == kFormat, std::string(name) + ": it has format " + std::to_string(format) + ", this program knows 1",
          "Use the program version that wrote it.");
  VisitUpdate(reader, update);
  reader.Finish();
  RequireSensible(update.metrics, name);
  Require(update.id.attempt >= 1, std::string(name) + ": `attempt` must be at least 1");
}

}  // namespace

std::string SubmissionId::Text() const {
  return run.text() + "/" + std::to_string(round.value()) + "/" + site.text() + "/" + std::to_string(attempt);
}

std::vector<std::byte> SerializeUpdate(const ModelUpdate& update) {
  JsonWriter writer;
  writer.Field("format", kFormat);
  VisitUpdate(writer, update);
  return SerializeParameters(update.delta, {{kUpdateKey, std::move(writer).Take().dump()}});
}

ModelUpdate ParseUpdate(std::span<const std::byte> bytes, std::string_view name) {
  ParametersFile file = ParseParameters(bytes, name);
  ModelUpdate update;
  ReadMetadata(file.metadata, name, update);
  update.delta = std::move(file.parameters);
  return update;
}

UpdateHeader ParseUpdateHeader(std::span<const std::byte> head, std::uint64_t file_size, std::string_view name) {
  UpdateHeader header;
  header.layout = ParseSafetensorsHeader(head, file_size, name);
  ReadMetadata(header.layout.metadata, name, header);
  return header;
}

}  // namespace consilium
