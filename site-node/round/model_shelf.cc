// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/round/model_shelf.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr std::size_t kKeptModels = 5;

}  // namespace

ModelShelf::ModelShelf(std::filesystem::path dir) : dir_(std::move(dir)), files_(dir_) {
  std::filesystem::create_directories(dir_);
}

std::shared_ptr<const GlobalModel> ModelShelf::Get(const Digest& digest,
                                                   const std::function<void(const std::filesystem::path&)>& fetch) {
  {
    std::lock_guard lock(mutex_);
    if (last_ && last_->digest == digest) return last_;
  }
  if (!files_.Has(digest)) {
    if (!fetch) {
      throw Error(ErrorCode::kNotFound, fmt::format("the model {} is not here", digest.Short()),
                  "Wait for a round, or give a model with --model FILE.");
    }
    std::filesystem::create_directories(files_.PathOf(digest).parent_path());
    fetch(files_.PathOf(digest));
  }
  auto model = std::make_shared<const GlobalModel>(ReadModelFile(files_.PathOf(digest)));
  if (model->digest != digest) {
    files_.Remove(digest);
    throw Error(ErrorCode::kDataLoss, fmt::format("the model file {} is damaged", digest.Short()),
                "It was removed and is fetched again with the next order.");
  }
  std::lock_guard lock(mutex_);
  last_ = model;
  return model;
}

Digest ModelShelf::Put(const GlobalModel& model) { return files_.Put(SerializeModel(model.card, model.parameters)); }

void ModelShelf::MakeCurrent(const Digest& model) {
  WriteFileDurably(dir_ / "current.json", nlohmann::json{{"digest", model.Hex()}}.dump());
  ForgetOld(model);
}

std::optional<Digest> ModelShelf::Current() const {
  if (!std::filesystem::exists(dir_ / "current.json")) return std::nullopt;
  const std::string text = ReadTextFile(dir_ / "current.json", 4096);
  try {
    const Digest current = Digest::FromHex(nlohmann::json::parse(text).at("digest").get<std::string>());
    return files_.Has(current) ? std::optional(current) : std::nullopt;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kDataLoss, fmt::format("models/current.json is damaged: {}", error.what()),
                "Remove it; the next round's model takes its place.");
  }
}

void ModelShelf::ForgetOld(const Digest& keep) const {
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_)) {
    if (!entry.is_regular_file() || entry.path().parent_path() == dir_ || entry.path() == files_.PathOf(keep)) continue;
    files.emplace_back(entry.last_write_time(), entry.path());
  }
  std::sort(files.rbegin(), files.rend());
  for (std::size_t i = kKeptModels - 1; i < files.size(); ++i) std::filesystem::remove(files[i].second);
}

}  // namespace consilium
