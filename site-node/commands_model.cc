// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The commands that compute: `train` and `predict`.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/program.h"
#include "core/base/terminal.h"
#include "core/model/network_spec.h"
#include "core/round/plan_card.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/findings/segmentation_metrics.h"
#include "imaging/prepare/nifti.h"
#include "learning/work_along.h"
#include "site-node/commands.h"
#include "site-node/node.h"
#include "site-node/outbox/outbox.h"

namespace consilium {
namespace {

GlobalModel FirstModel(const RunPlan& plan) {
  const ModelCard card = CardOf(plan);
  const Parameters parameters = InitialParameters(plan.network, card.seed);
  return ParseModel(SerializeModel(card, parameters), "the plan's first model");
}

std::vector<CaseRecord> ChosenCases(CaseLibrary& library, const PredictCommandOptions& options) {
  std::vector<CaseRecord> chosen;
  if (options.case_id) {
    const std::optional<CaseRecord> found = library.Find(CaseId(*options.case_id));
    if (!found) {
      throw Error(ErrorCode::kNotFound, fmt::format("there is no case {}", *options.case_id),
                  "List the cases: consilium-site cases");
    }
    chosen.push_back(*found);
    return chosen;
  }
  const bool named = RoleNamed(options.role).has_value();
  const std::optional<std::string> locked = library.TestLocked();
  if (locked && options.role == Name(CaseRole::kTest)) {
    throw Error(ErrorCode::kFailedPrecondition, fmt::format("test patients cannot be read yet: {}", *locked),
                "They are for the end of a run. Until then use validation patients: --role validation");
  }
  for (CaseRecord& record : library.Cases()) {
    if (!record.present || (locked && record.role == CaseRole::kTest)) continue;
    const bool trained_with = record.role == CaseRole::kTraining && record.labelled;
    const bool wanted = named ? record.labelled && options.role == Name(record.role)
                              : options.role == "all" || (options.role == "new" && !record.labelled) ||
                                    (options.role == "held-out" && !trained_with);
    if (wanted) chosen.push_back(std::move(record));
  }
  if (chosen.empty()) {
    throw Error(ErrorCode::kFailedPrecondition, fmt::format("there is no case to predict (role {})", options.role),
                "Import patients first: consilium-site import DIR");
  }
  return chosen;
}

// A place that cannot be written is told before the training, not after it.
void RequireWritable(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  Require(std::filesystem::is_directory(folder) && ::access(folder.c_str(), W_OK) == 0,
          fmt::format("cannot write {}: its folder is not there, or not for this account", file.string()),
          "Make the folder first, or name another file.");
  Require(!std::filesystem::is_directory(file), fmt::format("cannot write {}: it is a folder", file.string()),
          "Name a file in it.");
}

void MakeFolder(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (!failed && !std::filesystem::is_directory(folder)) failed = std::make_error_code(std::errc::not_a_directory);
  if (!failed) return;
  throw Error(ErrorCode::kPermissionDenied,
              fmt::format("cannot make the folder {}: {}", folder.string(), failed.message()),
              "Give another folder with --out.");
}

// Where predictions come from: the running service, or this process.
using PredictFunction = std::function<PredictionView(const CaseId&)>;

// Everything that predicting in this process needs.
struct OwnPredictor {
  OwnPredictor(const SiteDirectory& place, const SiteSettings& settings, CaseLibrary& cases,
               const PredictCommandOptions& options)
      : library(cases) {
    ModelShelf shelf(place.models());
    if (options.model) {
      model = std::make_shared<const GlobalModel>(ReadModelFile(*options.model));
      Require(model->card.keep_local == "none" || model->card.own,
              options.model->string() + " leaves its " + model->card.keep_local +
                  " layers to each hospital, and holds nobody's",
              "Predict without --model at a hospital that took part in its run, or take a model of another plan.");
    } else {
      const std::optional<Digest> current = shelf.Current();
      if (!current) {
        throw Error(ErrorCode::kFailedPrecondition, "this site has no model yet",
                    "Wait for the first round, or give a model file with --model FILE.");
      }
      lock.emplace(place, "it cannot predict at the same time");
      store.emplace(place.root(), PredictionQuotaOf(settings));
      model = shelf.Get(*current);
    }
    patch = options.patch.value_or(model->card.patch);
    const ComputeOptions compute{ParseDevice(settings.device), static_cast<int>(settings.threads), "auto"};
    predictor = std::make_unique<Predictor>(model->card.network, model->card.prep, model->parameters, compute);
  }

  PredictionView Predict(const CaseId& id) {
    const Sample sample = library.Prepared(id, model->card.prep);
    const CaseImages images = library.Images(id);
    const LabelMap* reference = images.reference ? &*images.reference : nullptr;
    Prediction prediction = PredictCase(*predictor, *model, {sample, images.pet, reference, &probability},
                                        {.patch = patch, .mirror = model->card.mirror}, {}, SystemClock());
    if (store) store->Put(prediction);
    return {prediction.model,   prediction.version, std::move(prediction.labels), std::move(prediction.lesions),
            prediction.entropy, prediction.dice};
  }

  CaseLibrary& library;
  std::optional<DirectoryLock> lock;
  std::optional<PredictionStore> store;  // only for the federation's own model
  std::shared_ptr<const GlobalModel> model;
  std::int64_t patch = 0;
  std::unique_ptr<Predictor> predictor;
  ProbabilityMap probability;  // of the case that was predicted last, on the PET's grid
};

nlohmann::json ToJson(const CaseRecord& record, const PredictionView& prediction, const std::filesystem::path& seg) {
  nlohmann::json lesions = nlohmann::json::array();
  for (const Lesion& lesion : prediction.lesions) {
    lesions.push_back({{"number", lesion.number},
                       {"volume_ml", lesion.volume_ml},
                       {"suv_max", lesion.suv_max},
                       {"suv_mean", lesion.suv_mean}});
    if (lesion.probability) lesions.back()["probability"] = *lesion.probability;
  }
  nlohmann::json json = {{"case", record.id.text()}, {"role", Name(record.role)},     {"model", prediction.model.Hex()},
                         {"seg", seg.string()},      {"entropy", prediction.entropy}, {"lesions", std::move(lesions)}};
  json["dice"] = prediction.dice >= 0 ? nlohmann::json(prediction.dice) : nlohmann::json();
  return json;
}

}  // namespace

void RunTrain(const SiteDirectory& place, const TrainOptions& options) {
  SiteSettings settings = ReadSettings(place);
  const std::unique_ptr<ProcessGroup> processes =
      LeadProcesses("consilium-site train", "`consilium-site work-along` with the same --dir");
  if (processes) {
    settings.threads = ThreadsOf(processes->place(), static_cast<int>(settings.threads));
    settings.device = ToString(DeviceOf(processes->place(), settings.device));
  }
  CaseLibrary library(place.root(), LibraryOptionsOf(settings), ParseDevice(settings.device), SystemClock());
  RunPlan plan = ReadRunPlan(options.plan);
  if (options.steps) plan.train.steps = *options.steps;
  plan.Validate();
  const LabelQuery label = LabelQueryOf(settings, plan.Label());
  Require(options.round >= 1 && options.round <= plan.rounds,
          fmt::format("round {} is none of the plan's {}", options.round, plan.rounds),
          "Rounds count from 1: --round 1");
  RequireWritable(options.update);
  if (options.model_out) RequireWritable(*options.model_out);
  const GlobalModel model = options.model ? ReadModelFile(*options.model) : FirstModel(plan);
  RequireModelFitsPlan(model, plan);

  const std::string site = settings.site.empty() ? "not-joined" : settings.site;
  const SubmissionId id{RunId(plan.name), RoundNumber(options.round), SiteId(site), 1};
  ProgressLine line(std::cerr, StyleOf(stderr), "Training");
  line.Update(0, "preparing patients");
  const PreparedCases training = library.Prepared(CaseRole::kTraining, plan.prep, label);
  const PreparedCases validation = library.Prepared(CaseRole::kValidation, plan.prep, label);
  LocalRound round(place.root() / "momentum-offline", ParseDevice(settings.device), static_cast<int>(settings.threads),
                   processes.get());
  const ModelUpdate update = round.Run(
      {id, plan, model, training.samples, training.patients, validation.samples}, {},
      [&](LocalStage stage, double fraction) {
        line.Update(fraction, stage == LocalStage::kTraining ? "training" : "measuring the model it starts from");
      });
  DismissProcesses(processes.get());
  line.Finish(fmt::format("{} steps, mean loss {:.4f}, {:.0f} s", update.metrics.steps, update.metrics.loss,
                          update.metrics.seconds));
  WriteFileDurably(options.update, SerializeUpdate(update));
  if (options.model_out) {
    ModelCard card = model.card;
    SetPrediction(card, plan);
    card.run = id.run;
    card.version = card.version.Next();
    card.parent = model.digest;
    card.sites = 1;
    card.samples = training.patients;
    WriteFileDurably(*options.model_out, SerializeModel(card, Sum(model.parameters, update.delta)));
  }
  std::cout << fmt::format("{} training patients, norm of the update {:.4g}", training.patients, update.delta.Norm());
  if (update.metrics.validation.cases > 0) {
    std::cout << fmt::format(", Dice of the model it started from {:.3f} on {} held-out cases",
                             update.metrics.validation.Mean(), update.metrics.validation.cases);
  }
  std::cout << fmt::format(".\nWritten: {}. Nothing was sent.\n", options.update.string());
}

namespace {

// What `predict` has to say of its cases, in the order they were predicted.
struct Predicted {
  Table table{{"case", "role", "lesions", "ml", "doubt", "Dice", "SEG"}};
  std::string csv = "case,role,model,lesions,volume_ml,entropy,dice,seg\n";
  nlohmann::json cases = nlohmann::json::array(), failed = nlohmann::json::array();
  std::vector<double> dices;  // of cases that are not trained with
  std::optional<Error> first_failure;

  void Add(const CaseRecord& record, const PredictionView& prediction, const std::filesystem::path& seg) {
    double volume_ml = 0;
    for (const Lesion& lesion : prediction.lesions) volume_ml += lesion.volume_ml;
    const bool measured = prediction.dice >= 0;
    if (measured && record.role != CaseRole::kTraining) dices.push_back(prediction.dice);
    cases.push_back(ToJson(record, prediction, seg));
    table.Row({record.id.text(), std::string(Name(record.role)), std::to_string(prediction.lesions.size()),
               fmt::format("{:.1f}", volume_ml), fmt::format("{:.2f}", prediction.entropy),
               measured ? fmt::format("{:.3f}", prediction.dice) : "-", seg.filename().string()});
    csv += fmt::format("{},{},{},{},{:.3f},{:.4f},{},{}\n", record.id.text(), Name(record.role), prediction.model.Hex(),
                       prediction.lesions.size(), volume_ml, prediction.entropy,
                       measured ? fmt::format("{:.4f}", prediction.dice) : "", seg.filename().string());
  }
  void Fail(const CaseRecord& record, const Error& error) {
    failed.push_back({{"case", record.id.text()}, {"reason", error.what()}});
    if (!first_failure) first_failure = error;
  }
  nlohmann::json Result() const {
    nlohmann::json result = {{"cases", cases}, {"failed", failed}};
    if (!dices.empty())
      result["held_out_dice"] = std::accumulate(dices.begin(), dices.end(), 0.0) / static_cast<double>(dices.size());
    return result;
  }
  // Names the cases that are missing, each with its reason. One reason for all is the command's own error.
  void RequireAll() const {
    if (failed.empty()) return;
    const bool one_reason = std::all_of(failed.begin(), failed.end(),
                                        [&](const auto& one) { return one["reason"] == failed[0]["reason"]; });
    if (cases.empty() && one_reason) throw *first_failure;
    for (const auto& one : failed)
      std::cerr << one["case"].get<std::string>() << ": " << one["reason"].get<std::string>() << "\n";
    throw Error(first_failure->code(),
                fmt::format("{} of {} cases could not be predicted; they are named above", failed.size(),
                            failed.size() + cases.size()),
                "Where images were moved: import them from where they lie now (consilium-site import DIR) and predict "
                "again.");
  }
};

void PrintPredicted(const Predicted& predicted, const nlohmann::json& result, const PredictCommandOptions& options) {
  if (options.json) {
    std::cout << result.dump() << "\n";
  } else {
    std::cout << predicted.table.Text();
    if (result.contains("held_out_dice"))
      std::cout << fmt::format("Dice on {} held-out cases: {:.3f}\n", predicted.dices.size(),
                               result["held_out_dice"].get<double>());
    std::cout << fmt::format(
        "In {}: the SEG files, predictions.csv (this table), predictions.json (every lesion){}.\n"
        "Research use only. Not for diagnosis.\n",
        options.out.string(), options.maps ? ", maps of probability and entropy" : "");
  }
  std::cout << std::flush;
}

}  // namespace

void RunPredict(const SiteDirectory& place, const PredictCommandOptions& options) {
  const SiteSettings settings = ReadSettings(place);
  CaseLibrary library(place.root(), LibraryOptionsOf(settings), ParseDevice(settings.device), SystemClock());
  const std::vector<CaseRecord> chosen = ChosenCases(library, options);
  MakeFolder(options.out);
  const Outbox outbox(place.outbox());

  std::optional<OwnPredictor> own;
  PredictFunction predict;
  if (!options.model && DirectoryLock::Held(place)) {
    Require(!options.maps, "the running service predicts, and it hands out no maps",
            "Give the model's file, so that this command predicts itself: --model FILE");
    predict = [&](const CaseId& id) { return AskForPrediction(place.socket(), id); };
  } else {
    own.emplace(place, settings, library, options);
    predict = [&](const CaseId& id) { return own->Predict(id); };
  }
  const auto label_of = [&](const Digest& model) {
    return own ? own->model->card.Label() : ModelShelf(place.models()).Get(model)->card.Label();
  };
  const auto predict_one = [&](const CaseRecord& record, Predicted& predicted) {
    const PredictionView prediction = predict(record.id);
    const Series source = library.PetSeries(record.id);
    SegDescription description;
    description.algorithm_version = ProgramVersion();
    description.model_digest = prediction.model;
    description.code = label_of(prediction.model);
    const auto write = [&](const std::filesystem::path& file) {
      WriteSeg(file, source, prediction.labels, description);
    };
    const std::filesystem::path seg = options.out / (record.id.text() + ".dcm");
    write(seg);
    if (options.maps) {
      const ProbabilityMap& map = own->probability;
      WriteNifti(options.out / (record.id.text() + "-probability.nii.gz"), map.grid, map.tumour);
      WriteNifti(options.out / (record.id.text() + "-entropy.nii.gz"), map.grid, EntropyMap(map));
    }
    if (options.queue_for_pacs) outbox.Put(record.id, prediction.model, write);
    predicted.Add(record, prediction, seg);
  };

  Predicted predicted;
  ProgressLine line(std::cerr, StyleOf(stderr), "Predicting");
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    try {
      predict_one(chosen[i], predicted);
    } catch (const Error& error) {  // such as files that were moved: the others go on
      predicted.Fail(chosen[i], error);
    }
    line.Update(static_cast<double>(i + 1) / static_cast<double>(chosen.size()));
  }
  line.Finish(fmt::format("{} of {} cases", predicted.cases.size(), chosen.size()));
  if (predicted.cases.empty()) return predicted.RequireAll();
  const nlohmann::json result = predicted.Result();
  WriteFileDurably(options.out / "predictions.json", result.dump(1) + "\n");
  WriteFileDurably(options.out / "predictions.csv", predicted.csv);
  PrintPredicted(predicted, result, options);
  predicted.RequireAll();
}

}  // namespace consilium
