// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/study_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/round/plan_card.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json ReadRecord(const fs::path& file) {
  const std::vector<std::byte> bytes = ReadFile(file);
  const char* begin = reinterpret_cast<const char*>(bytes.data());
  json record = json::parse(begin, begin + bytes.size(), nullptr, /*allow_exceptions=*/false);
  Require(record.is_object() && record["study"].is_string() && record["arms"].is_object(),
          file.string() + " is no record of a study", "Give another folder with --out, or remove this one.");
  return record;
}

void Add(Sha256& sha, const std::vector<StudyPatient>& patients, const std::string& part) {
  for (const StudyPatient& patient : patients) {
    const Sample& sample = patient.sample;
    sha.Add(part + "/" + patient.name + "\n");
    sha.Add(std::as_bytes(std::span(sample.image.data(), sample.image.size())));
    sha.Add(std::as_bytes(std::span(sample.label.data(), sample.label.size())));
  }
}

}  // namespace

Digest StudyIdentity(const RunPlan& plan, std::span<const Cohort> cohorts) {
  Sha256 sha;
  sha.Add(DigestOf(plan).Hex());
  for (const Cohort& cohort : cohorts) {
    Add(sha, cohort.training, cohort.site + "/training");
    Add(sha, cohort.validation, cohort.site + "/validation");
  }
  return sha.Finish();
}

StudyFolder::StudyFolder(fs::path dir, const Digest& identity) : dir_(std::move(dir)), identity_(identity.Hex()) {
  fs::create_directories(dir_ / "models");
  const fs::path record = dir_ / "study.json";
  if (!fs::exists(record)) {
    WriteFileDurably(record, json{{"study", identity_}, {"arms", json::object()}}.dump(2) + "\n");
    return;
  }
  if (ReadRecord(record)["study"] == identity_) return;
  throw Error(ErrorCode::kFailedPrecondition,
              dir_.string() + " holds a study of another plan, seed, split or other patients",
              "Give another folder with --out, or remove this one.");
}

fs::path StudyFolder::ModelFile(const std::string& name) const {
  std::string file = name;
  std::replace(file.begin(), file.end(), ':', '-');
  return dir_ / "models" / (file + ".safetensors");
}

std::optional<TrainedArm> StudyFolder::Find(const std::string& name) const {
  const json arms = ReadRecord(dir_ / "study.json")["arms"];
  if (!arms.contains(name) || !fs::exists(ModelFile(name))) return std::nullopt;
  const json& kept = arms[name];
  TrainedArm arm;
  arm.name = name;
  GlobalModel model = ReadModelFile(ModelFile(name));
  arm.parameters = std::move(model.parameters);
  arm.largest_only = model.card.largest_only;
  try {
    arm.steps = kept.at("steps");
    arm.seconds = kept.at("seconds");
    arm.loss = kept.at("loss").get<std::vector<double>>();
  } catch (const json::exception&) {
    throw Error(ErrorCode::kInvalidArgument,
                (dir_ / "study.json").string() + ": what it says of " + name + " is no arm",
                "Give another folder with --out, or remove this one.");
  }
  return arm;
}

void StudyFolder::Keep(const RunPlan& plan, const TrainedArm& arm) {
  ModelCard card = CardOf(plan);
  card.version = ModelVersion(1);
  card.largest_only = arm.largest_only;
  const std::vector<std::byte> model = SerializeModel(card, arm.parameters);
  WriteFileDurably(ModelFile(arm.name), model);
  json record = ReadRecord(dir_ / "study.json");
  record["arms"][arm.name] = {{"steps", arm.steps}, {"seconds", arm.seconds}, {"loss", arm.loss}};
  WriteFileDurably(dir_ / "study.json", record.dump(2) + "\n");
}

}  // namespace consilium
