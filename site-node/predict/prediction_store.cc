// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/predict/prediction_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "site-node/grid_json.h"

namespace consilium {
namespace {

constexpr std::string_view kMigrations[] = {R"sql(
CREATE TABLE predictions(
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id TEXT NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL, made_ms INTEGER NOT NULL,
  grid TEXT NOT NULL, runs BLOB NOT NULL, lesions TEXT NOT NULL, lesion_count INTEGER NOT NULL, volume_ml REAL NOT NULL,
  entropy REAL NOT NULL, dice REAL NOT NULL,
  UNIQUE(case_id, model));
)sql"};

constexpr std::string_view kColumns = "case_id, model, version, made_ms, grid, runs, lesions, entropy, dice";
constexpr std::size_t kRunBytes = 5;  // length, 4 bytes little-endian, and label

nlohmann::json ToJson(Vec3 v) { return {v.x, v.y, v.z}; }
Vec3 Vec3FromJson(const nlohmann::json& json) {
  return {json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>()};
}

std::string LesionsToJson(const std::vector<Lesion>& lesions) {
  nlohmann::json list = nlohmann::json::array();
  for (const Lesion& lesion : lesions) {
    list.push_back({{"number", lesion.number},
                    {"volume_ml", lesion.volume_ml},
                    {"suv_max", lesion.suv_max},
                    {"suv_mean", lesion.suv_mean},
                    {"centroid_mm", ToJson(lesion.centroid_mm)}});
    if (lesion.probability) list.back()["probability"] = *lesion.probability;
  }
  return list.dump();
}

std::vector<Lesion> LesionsFromJson(const std::string& text) {
  std::vector<Lesion> lesions;
  for (const auto& json : nlohmann::json::parse(text)) {
    std::optional<double> probability;
    if (json.contains("probability")) probability = json.at("probability").get<double>();
    lesions.push_back({json.at("number").get<int>(), json.at("volume_ml").get<double>(),
                       json.at("suv_max").get<double>(), json.at("suv_mean").get<double>(), probability,
                       Vec3FromJson(json.at("centroid_mm"))});
  }
  return lesions;
}

std::vector<std::byte> Pack(const RunLengthLabelMap& map) {
  std::vector<std::byte> bytes;
  bytes.reserve(map.runs.size() * kRunBytes);
  for (const auto& run : map.runs) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::byte>(run.length >> shift & 0xFFU));
    bytes.push_back(static_cast<std::byte>(run.label));
  }
  return bytes;
}

std::vector<RunLengthLabelMap::Run> Unpack(const std::vector<std::byte>& bytes) {
  std::vector<RunLengthLabelMap::Run> runs(bytes.size() / kRunBytes);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (std::size_t b = 0; b < 4; ++b)
      runs[i].length |= std::to_integer<std::uint32_t>(bytes[i * kRunBytes + b]) << (8 * b);
    runs[i].label = std::to_integer<std::uint8_t>(bytes[i * kRunBytes + 4]);
  }
  return runs;
}

}  // namespace

PredictionStore::PredictionStore(const std::filesystem::path& dir, PredictionQuota quota)
    : quota_(quota), database_(dir / "predictions.sqlite", kMigrations) {}

void PredictionStore::Put(const Prediction& prediction) {
  const std::vector<std::byte> runs = Pack(Encode(prediction.labels));
  double volume_ml = 0;
  for (const Lesion& lesion : prediction.lesions) volume_ml += lesion.volume_ml;
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement put(
      database_,
      "INSERT OR REPLACE INTO predictions(case_id, model, version, made_ms, grid, runs, lesions, lesion_count, "
      "volume_ml, entropy, dice) VALUES(?,?,?,?,?,?,?,?,?,?,?)");
  put.Bind(1, prediction.id.text()).Bind(2, prediction.model.Hex()).Bind(3, prediction.version.value());
  put.Bind(4, std::int64_t{prediction.made.time_since_epoch().count()});
  put.Bind(5, GridToJson(prediction.labels.geometry)).Bind(6, runs).Bind(7, LesionsToJson(prediction.lesions));
  put.Bind(8, static_cast<std::int64_t>(prediction.lesions.size())).Bind(9, volume_ml);
  put.Bind(10, prediction.entropy).Bind(11, prediction.dice).Execute();

  Statement versions(database_,
                     "DELETE FROM predictions WHERE case_id = ? AND sequence NOT IN "
                     "(SELECT sequence FROM predictions WHERE case_id = ? ORDER BY sequence DESC LIMIT ?)");
  versions.Bind(1, prediction.id.text()).Bind(2, prediction.id.text()).Bind(3, quota_.versions).Execute();
  // The oldest go until the rest fits.
  Statement room(database_,
                 "DELETE FROM predictions WHERE sequence IN (SELECT sequence FROM (SELECT sequence, "
                 "SUM(LENGTH(runs)) OVER (ORDER BY sequence DESC) AS total FROM predictions) WHERE total > ?)");
  room.Bind(1, quota_.bytes).Execute();
  transaction.Commit();
}

std::optional<Prediction> PredictionStore::ReadOne(Statement& read) {
  if (!read.Step()) return std::nullopt;
  Prediction prediction;
  prediction.id = CaseId(read.Text(0));
  prediction.model = Digest::FromHex(read.Text(1));
  prediction.version = ModelVersion(read.Int(2));
  prediction.made = WallTime(std::chrono::milliseconds(read.Int(3)));
  try {
    prediction.labels = Decode({GridFromJson(read.Text(4)), Unpack(read.Blob(5))});
    prediction.lesions = LesionsFromJson(read.Text(6));
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kDataLoss, fmt::format("predictions.sqlite is damaged: {}", error.what()),
                "Move it away; the cases are predicted again.");
  }
  prediction.entropy = read.Real(7);
  prediction.dice = read.Real(8);
  return prediction;
}

std::optional<Prediction> PredictionStore::Get(const CaseId& id, const Digest& model) {
  std::lock_guard lock(mutex_);
  Statement read(database_, fmt::format("SELECT {} FROM predictions WHERE case_id = ? AND model = ?", kColumns));
  read.Bind(1, id.text()).Bind(2, model.Hex());
  return ReadOne(read);
}

std::optional<Prediction> PredictionStore::Newest(const CaseId& id) {
  std::lock_guard lock(mutex_);
  Statement read(database_,
                 fmt::format("SELECT {} FROM predictions WHERE case_id = ? ORDER BY sequence DESC LIMIT 1", kColumns));
  read.Bind(1, id.text());
  return ReadOne(read);
}

std::vector<Digest> PredictionStore::Models(const CaseId& id) {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT model FROM predictions WHERE case_id = ? ORDER BY sequence DESC");
  read.Bind(1, id.text());
  std::vector<Digest> models;
  while (read.Step()) models.push_back(Digest::FromHex(read.Text(0)));
  return models;
}

std::vector<PredictionSummary> PredictionStore::NewestOfEach() {
  std::lock_guard lock(mutex_);
  Statement read(
      database_,
      "SELECT case_id, model, version, lesion_count, volume_ml, entropy, dice FROM predictions WHERE sequence "
      "IN (SELECT MAX(sequence) FROM predictions GROUP BY case_id)");
  std::vector<PredictionSummary> summaries;
  while (read.Step())
    summaries.push_back({CaseId(read.Text(0)), Digest::FromHex(read.Text(1)), ModelVersion(read.Int(2)), read.Int(3),
                         read.Real(4), read.Real(5), read.Real(6)});
  return summaries;
}

std::set<CaseId> PredictionStore::PredictedBy(const Digest& model) {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT case_id FROM predictions WHERE model = ?");
  read.Bind(1, model.Hex());
  std::set<CaseId> cases;
  while (read.Step()) cases.insert(CaseId(read.Text(0)));
  return cases;
}

void PredictionStore::Forget(const CaseId& id) {
  std::lock_guard lock(mutex_);
  Statement forget(database_, "DELETE FROM predictions WHERE case_id = ?");
  forget.Bind(1, id.text()).Execute();
}

}  // namespace consilium
