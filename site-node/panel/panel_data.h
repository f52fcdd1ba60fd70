// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/data/label_map.h"
#include "core/data/lesion.h"
#include "core/data/patient_text.h"
#include "core/data/study_counts.h"
#include "core/data/volume.h"

namespace consilium {

// What the panel shows, as values. The node fills them in; the service turns them into messages.

struct PanelView {
  std::int64_t revision = 0;     // rises with every change
  std::string federation_state;  // a serialised FederationState, as the hub sent it; empty before the first
  std::string site;
  bool hub_connected = false;
  std::int64_t cases = 0;
  std::int64_t predictions_waiting = 0;
  std::string activity;  // "training round 3 (41 %)"
  StudyCounts studies = {};
};

struct CaseView {
  CaseId id;
  std::string role;
  PatientText patient, study_date;  // for this hospital's own screens
  bool has_reference = false;
  std::optional<Digest> model;  // of the newest prediction
  std::int64_t lesions = 0;
  double volume_ml = 0;
  double entropy = 0;
  double dice = -1;
};

struct PredictionView {
  Digest model;
  ModelVersion version;
  LabelMap labels;  // lesion numbers, on the PET grid
  std::vector<Lesion> lesions;
  double entropy = 0;
  double dice = -1;
};

// The images of a case and its contour. Held by the service while it is sent.
struct ImagesView {
  Volume pet, ct;
  std::optional<LabelMap> reference;
};

// Where the panel gets its answers. Called from any thread; throws Error.
class PanelData {
 public:
  virtual ~PanelData() = default;
  virtual PanelView State() = 0;
  // Waits until the revision is another than `seen`, at most a second.
  virtual PanelView WaitForChange(std::int64_t seen) = 0;
  virtual std::vector<CaseView> Cases() = 0;
  virtual std::optional<PredictionView> StoredPrediction(const CaseId& id, const std::optional<Digest>& model) = 0;
  virtual std::vector<Digest> PredictedModels(const CaseId& id) = 0;  // newest first
  virtual std::shared_ptr<const ImagesView> Images(const CaseId& id) = 0;
  // Predicts with the current model, ahead of the cases that wait, behind training.
  // Gives up with Error(kCancelled) soon after `gone` says that nobody waits for it any more.
  virtual PredictionView PredictNow(const CaseId& id, const std::function<bool()>& gone) = 0;
  virtual void LibraryChanged() = 0;  // another process imported something
};

}  // namespace consilium
