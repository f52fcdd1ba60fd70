// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/training_state.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/safetensors.h"

namespace consilium {
namespace {

constexpr std::string_view kModel = "parameters/";

}  // namespace

void KeepTraining(const TrainingState& state, const std::filesystem::path& file) {
  Parameters all = ToParameters(state.optimizer);
  for (const NamedArray& array : state.parameters.arrays)
    all.arrays.push_back({std::string(kModel) + array.name, array.shape, array.values});
  const nlohmann::json done{{"steps", state.steps}, {"seconds", state.seconds}, {"loss", state.loss}};
  WriteFileDurably(file, SerializeParameters(all, {{"training", state.training}, {"done", done.dump()}}));
}

std::optional<TrainingState> FindTraining(const std::string& training, const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  ParametersFile kept = ReadParametersFile(file);
  const std::string next = "Remove it: this training then begins anew.";
  const nlohmann::json done = nlohmann::json::parse(kept.metadata["done"], nullptr, /*allow_exceptions=*/false);
  TrainingState state;
  try {
    state.steps = done.at("steps");
    state.seconds = done.at("seconds");
    state.loss = done.at("loss").get<std::vector<double>>();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kInvalidArgument, file.string() + " is no training that was stopped", next);
  }
  state.training = kept.metadata["training"];
  if (state.training != training)
    throw Error(ErrorCode::kFailedPrecondition, file.string() + " is of another training", next);
  Parameters optimizer;
  for (NamedArray& array : kept.parameters.arrays) {
    const bool model = array.name.starts_with(kModel);
    if (model) array.name.erase(0, kModel.size());
    (model ? state.parameters : optimizer).arrays.push_back(std::move(array));
  }
  state.optimizer = OptimizerStateFrom(optimizer);
  return state;
}

}  // namespace consilium
