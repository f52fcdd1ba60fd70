// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/model/model_update.h"

namespace consilium {

// What the hub asks of a site and tells it, checked and as values (proto/site.proto, HubMessage).

struct TrainOrder {
  SubmissionId id;  // the update that is asked for
  Digest model;     // of the global model file to start from
  std::uint64_t model_bytes = 0;
  std::string plan_toml;
  double seconds_left = 0;  // until the round closes
};

// Measure this model on the site's validation patients: the last one of a run.
struct EvaluateOrder {
  RunId run;
  Digest model;
  std::uint64_t model_bytes = 0;
  std::string plan_toml;
};

struct CancelOrder {
  RunId run;
  RoundNumber round;
  std::string reason;
};

struct UpdateVerdict {
  SubmissionId id;
  bool accepted = false;
  std::string reason;
};

// Who hears the hub. Called on the link's thread; must return soon.
class HubListener {
 public:
  virtual ~HubListener() = default;
  virtual void OnTrain(const TrainOrder& order) = 0;
  virtual void OnEvaluate(const EvaluateOrder& order) = 0;
  virtual void OnCancel(const CancelOrder& order) = 0;
  virtual void OnVerdict(const UpdateVerdict& verdict) = 0;
  virtual void OnState(const std::string& federation_state) = 0;  // a serialised FederationState, passed on as it came
  virtual void OnConnection(bool connected, const std::string& why_not) = 0;
};

}  // namespace consilium
