// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// What the node shows and predicts: its panel's data, and the predictions it makes by itself.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "core/base/error.h"
#include "core/base/log.h"
#include "site-node/node.h"

namespace consilium {
namespace {

constexpr std::size_t kKeptImages = 2;

PredictionView ToView(Prediction prediction) {
  return {prediction.model,   prediction.version, std::move(prediction.labels), std::move(prediction.lesions),
          prediction.entropy, prediction.dice};
}

}  // namespace

// The model that predictions are made with: the global one, or where its plan leaves arrays to each hospital, this
// one's own version of it; a hospital that has learnt no such arrays yet has none. One that was tuned here stays.
void Node::BecameCurrent(const GlobalModel& model) {
  const std::optional<Digest> current = shelf_.Current();
  if (current == model.digest) return;
  if (current && shelf_.Get(*current)->card.parent == model.digest && shelf_.Get(*current)->card.own) return;
  if (model.card.keep_local == "none") {
    shelf_.MakeCurrent(model.digest);
  } else if (local_round_.own().Has(model)) {
    shelf_.MakeCurrent(shelf_.Put(OwnVersion(model, local_round_.own().In(model))));
  } else {
    return;
  }
  RefillWaiting();
}

// Every case that the current model has not predicted yet: those without a label first, then those that are measured
// with. Test patients wait for the end of a run.
void Node::RefillWaiting() {
  std::deque<CaseId> waiting;
  if (const std::optional<Digest> current = shelf_.Current()) {
    const std::set<CaseId> done = predictions_.PredictedBy(*current);
    const bool locked = library_.TestLocked().has_value();
    std::vector<CaseRecord> cases = library_.Cases();
    std::erase_if(cases, [&](const CaseRecord& record) {
      return !record.present || done.contains(record.id) || (locked && record.role == CaseRole::kTest);
    });
    const auto rank = [](const CaseRecord& record) {
      return !record.labelled ? 0 : record.role == CaseRole::kTraining ? 2 : 1;
    };
    std::stable_sort(cases.begin(), cases.end(),
                     [&](const CaseRecord& a, const CaseRecord& b) { return rank(a) < rank(b); });
    for (const CaseRecord& record : cases) waiting.push_back(record.id);
  }
  std::lock_guard lock(mutex_);
  waiting_ = std::move(waiting);
  view_.predictions_waiting = std::ssize(waiting_);
  ++view_.revision;
  changed_.notify_all();
  wake_.notify_all();
}

Prediction Node::Predict(const CaseId& id, std::stop_token stop) {
  const std::optional<Digest> current = shelf_.Current();
  if (!current) {
    throw Error(ErrorCode::kFailedPrecondition, "this site has no model yet",
                "Wait for the first round, or give a model file: consilium-site predict --model FILE");
  }
  const auto model = shelf_.Get(*current);
  if (!predictor_ || predictor_model_ != *current) {
    const ComputeOptions compute{device_, static_cast<int>(settings_.threads), "auto"};
    predictor_ = std::make_unique<Predictor>(model->card.network, model->card.prep, model->parameters, compute);
    predictor_model_ = *current;
  }
  const Sample sample = library_.Prepared(id, model->card.prep);
  const CaseImages images = library_.Images(id);
  const LabelMap* reference = images.reference ? &*images.reference : nullptr;
  Prediction prediction = PredictCase(*predictor_, *model, {sample, images.pet, reference},
                                      {.patch = model->card.patch, .mirror = model->card.mirror}, stop, clock_);
  predictions_.Put(prediction);
  return prediction;
}

void Node::PredictAsked(AskedPrediction& asked, std::stop_token stop) {
  Say("predicting a case that somebody waits for");
  try {
    asked.answer.set_value(Predict(asked.id, stop));
  } catch (const std::exception&) {
    asked.answer.set_exception(std::current_exception());  // thrown to the one who asked
  }
}

void Node::PredictOne(const CaseId& id, std::stop_token stop) {
  Say("predicting");
  try {
    Predict(id, stop);
  } catch (const std::exception& error) {
    if (stop.stop_requested()) {  // training goes first; this case comes after it
      std::lock_guard lock(mutex_);
      waiting_.push_front(id);
      return;
    }
    const auto* known = dynamic_cast<const Error*>(&error);
    LogError("a case cannot be predicted",
             {{"case", id}, {"code", known ? Name(known->code()) : std::string_view("internal")}});
  }
}

PanelView Node::State() {
  std::lock_guard lock(mutex_);
  return view_;
}

PanelView Node::WaitForChange(std::int64_t seen) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(1), [&] { return view_.revision != seen; });
  return view_;
}

std::vector<CaseView> Node::Cases() {
  std::map<CaseId, PredictionSummary> predicted;
  for (PredictionSummary& summary : predictions_.NewestOfEach()) predicted.emplace(summary.id, summary);
  std::vector<CaseView> views;
  for (const CaseRecord& record : library_.Cases()) {
    CaseView view;
    view.id = record.id;
    view.role = Name(record.role);
    view.patient = record.patient;
    view.study_date = record.study_date;
    view.has_reference = record.labelled;
    if (const auto found = predicted.find(record.id); found != predicted.end()) {
      view.model = found->second.model;
      view.lesions = found->second.lesions;
      view.volume_ml = found->second.volume_ml;
      view.entropy = found->second.entropy;
      view.dice = found->second.dice;
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::optional<PredictionView> Node::StoredPrediction(const CaseId& id, const std::optional<Digest>& model) {
  std::optional<Prediction> stored = model ? predictions_.Get(id, *model) : predictions_.Newest(id);
  if (!stored) return std::nullopt;
  return ToView(std::move(*stored));
}

std::vector<Digest> Node::PredictedModels(const CaseId& id) { return predictions_.Models(id); }

std::shared_ptr<const ImagesView> Node::Images(const CaseId& id) {
  {
    std::lock_guard lock(images_mutex_);
    for (const auto& [known, images] : images_)
      if (known == id) return images;
  }
  CaseImages read = library_.Images(id);
  auto images = std::make_shared<const ImagesView>(
      ImagesView{std::move(read.pet), std::move(read.ct), std::move(read.reference)});
  std::lock_guard lock(images_mutex_);
  images_.emplace_front(id, images);
  if (images_.size() > kKeptImages) images_.pop_back();
  return images;
}

PredictionView Node::PredictNow(const CaseId& id, const std::function<bool()>& gone) {
  const auto asked = std::make_shared<AskedPrediction>();
  asked->id = id;
  std::future<Prediction> answer = asked->answer.get_future();
  {
    std::lock_guard lock(mutex_);
    asked_.push_back(asked);
    wake_.notify_all();
  }
  while (answer.wait_for(std::chrono::milliseconds(200)) != std::future_status::ready) {
    if (!gone()) continue;
    std::lock_guard lock(mutex_);
    std::erase(asked_, asked);
    throw Error(ErrorCode::kCancelled, "nobody waits for the prediction any more");
  }
  return ToView(answer.get());
}

PatientCounts Node::OwnCounts() {
  const LibraryPatients patients = library_.Patients();
  const StudyQuality quality = library_.Quality();
  PatientCounts counts{patients.training, patients.validation, {quality.studies, quality.quarantined, {}}};
  for (const auto& [reason, count] : quality.reasons) counts.studies.reasons[std::string(Name(reason))] = count;
  return counts;
}

void Node::LibraryChanged() {
  {
    std::lock_guard lock(images_mutex_);
    images_.clear();
  }
  const PatientCounts counts = OwnCounts();
  link_->PatientsChanged(counts);
  {
    std::lock_guard lock(mutex_);
    view_.cases = library_.Counts().all();
    view_.studies = counts.studies;
  }
  RefillWaiting();
}

}  // namespace consilium
