// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "learning/predictor.h"
#include "site-node/library/case_library.h"
#include "site-node/link/credentials.h"
#include "site-node/link/hub_link.h"
#include "site-node/link/orders.h"
#include "site-node/panel/panel_data.h"
#include "site-node/panel/panel_server.h"
#include "site-node/panel/readers.h"
#include "site-node/predict/prediction_store.h"
#include "site-node/privacy/outward_words.h"
#include "site-node/privacy/privacy_guard.h"
#include "site-node/round/local_round.h"
#include "site-node/round/model_shelf.h"
#include "site-node/site_settings.h"

namespace consilium {

LibraryOptions LibraryOptionsOf(const SiteSettings& settings);
// What a plan's label is called here. Throws Error(kFailedPrecondition) if site.toml does not say so: it is never
// guessed. The words hold nothing of a patient.
LabelQuery LabelQueryOf(const SiteSettings& settings, const CodedConcept& label);
PredictionQuota PredictionQuotaOf(const SiteSettings& settings);

// The running service of one hospital: puts the features together. Orders come in on the link's thread, one worker
// thread carries them out; training goes before evaluation, that before predictions somebody asked for, those before
// the tuning of a run's last model for this hospital itself, and that before the predictions that the node makes by
// itself. Serves from construction to destruction.
class Node final : private HubListener, private PanelData {
 public:
  // Throws Error when something is missing, in use or wrong. `passphrase` may be null.
  // `processes` train along (LocalRound); null: none.
  Node(const SiteDirectory& place, const SiteSettings& settings, const Secret* passphrase, Clock& clock,
       ProcessGroup* processes = nullptr);
  ~Node() override;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& panel_address() const { return panel_->address(); }

 private:
  // What the worker does now.
  enum class Job { kNone, kTraining, kEvaluating, kTuning, kAskedPrediction, kOwnPrediction };
  struct AskedPrediction {
    CaseId id;
    std::promise<Prediction> answer;
  };
  struct PreparedPatients {
    Digest prep;
    LabelQuery label;
    std::int64_t generation = -1;  // of the library
    PreparedCases training, validation;
  };

  // HubListener
  void OnTrain(const TrainOrder& order) override;
  void OnEvaluate(const EvaluateOrder& order) override;
  void OnCancel(const CancelOrder& order) override;
  void OnVerdict(const UpdateVerdict& verdict) override;
  void OnState(const std::string& federation_state) override;
  void OnConnection(bool connected, const std::string& why_not) override;

  // PanelData
  PanelView State() override;
  PanelView WaitForChange(std::int64_t seen) override;
  std::vector<CaseView> Cases() override;
  std::optional<PredictionView> StoredPrediction(const CaseId& id, const std::optional<Digest>& model) override;
  std::vector<Digest> PredictedModels(const CaseId& id) override;
  std::shared_ptr<const ImagesView> Images(const CaseId& id) override;
  PredictionView PredictNow(const CaseId& id, const std::function<bool()>& gone) override;
  void LibraryChanged() override;

  // The worker.
  void Work(std::stop_token stop);
  void Begin(Job job, const SubmissionId& id);  // mutex_ held
  void Train(const TrainOrder& order, std::stop_token stop);
  SealedUpdate Learn(const TrainOrder& order, std::stop_token stop, OrderStep& step);
  void Evaluate(const EvaluateOrder& order, std::stop_token stop);
  void Tune(const EvaluateOrder& order, std::stop_token stop);
  void TuneLater(const EvaluateOrder& order);
  void PredictAsked(AskedPrediction& asked, std::stop_token stop);
  void PredictOne(const CaseId& id, std::stop_token stop);
  Prediction Predict(const CaseId& id, std::stop_token stop);
  std::shared_ptr<const GlobalModel> FetchModel(const RunId& run, RoundNumber round, std::int64_t attempt,
                                                const Digest& digest, std::uint64_t bytes, std::stop_token stop);
  const PreparedPatients& Prepare(const PrepPlan& plan, const LabelQuery& label, std::stop_token stop);
  void BecameCurrent(const GlobalModel& model);
  void RefillWaiting();
  PatientCounts OwnCounts();
  void NoteRun(const RunId& run, bool active);
  void Say(const std::string& activity);

  const SiteDirectory place_;
  const SiteSettings settings_;
  Clock& clock_;
  const Device device_;
  CaseLibrary library_;
  PrivacyGuard guard_;
  ModelShelf shelf_;
  LocalRound local_round_;
  PredictionStore predictions_;
  Readers readers_;

  std::mutex mutex_;  // guards all down to job_id_
  std::condition_variable_any wake_, changed_;
  std::optional<TrainOrder> train_;
  std::optional<EvaluateOrder> evaluate_;
  std::optional<EvaluateOrder> tune_;  // whose model is still to be tuned here; on disk too
  std::deque<std::shared_ptr<AskedPrediction>> asked_;
  std::deque<CaseId> waiting_;  // to be predicted by itself
  MonotonicTime last_order_;
  PanelView view_;
  Job job_ = Job::kNone;
  std::stop_source job_stop_;
  SubmissionId job_id_;

  std::pair<std::string, bool> run_noted_;  // the link's thread's own: the last run it told of, and if it was active

  // The worker's own.
  PreparedPatients prepared_;
  std::unique_ptr<Predictor> predictor_;
  Digest predictor_model_;

  std::mutex images_mutex_;                                                 // guards images_
  std::list<std::pair<CaseId, std::shared_ptr<const ImagesView>>> images_;  // the last few looked at

  std::unique_ptr<HubLink> link_;  // these three last: they stop before the rest goes
  std::unique_ptr<PanelServer> panel_;
  std::jthread worker_;
};

}  // namespace consilium
