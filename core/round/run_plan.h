// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/data/coded_concept.h"
#include "core/model/metrics.h"
#include "core/model/network_spec.h"
#include "core/round/prep_plan.h"
#include "core/round/train_plan.h"

namespace consilium {

// Who may take part.
struct EligibilityPlan {
  std::int64_t min_sites = 2;     // eligible and connected, or the run does not start
  std::int64_t min_patients = 3;  // training patients of a site
  template <class V>
  void Visit(V& v) {
    v.Field("min_sites", min_sites, "eligible, connected sites needed to start");
    v.Field("min_patients", min_patients, "training patients a site needs");
  }
  friend bool operator==(const EligibilityPlan&, const EligibilityPlan&) = default;
};

// When a round ends.
struct RoundPlan {
  std::int64_t quorum = 2;   // accepted updates without which a round is repeated, then failed
  double deadline_s = 3600;  // from the round's start; at the deadline the round closes with what it has
  template <class V>
  void Visit(V& v) {
    v.Field("quorum", quorum, "accepted updates a round needs");
    v.Field("deadline_s", deadline_s, "seconds after which a round closes with the updates it has");
  }
  friend bool operator==(const RoundPlan&, const RoundPlan&) = default;
};

struct AggregationPlan {
  std::string rule = "fedavg";
  std::string weight = "patients";  // what an update weighs: its training patients | steps: the steps it took
  std::string keep_local = "none";  // arrays that stay in each hospital: norm (FedBN), scale and shift of norm layers
  double max_update_norm = 1000;    // an update with a larger norm is refused
  template <class V>
  void Visit(V& v) {
    v.Field("rule", rule, "how updates become the next model: fedavg, the weighted mean");
    v.Field("weight", weight, "what an update weighs: patients, its training patients, or steps, the steps it took");
    v.Field("keep_local", keep_local,
            "arrays that stay in each hospital, so that each ends with a model of its own: none, or norm, the scale "
            "and shift of the norm layers (FedBN)");
    v.Field("max_update_norm", max_update_norm, "an update with a larger Euclidean norm is refused");
  }
  friend bool operator==(const AggregationPlan&, const AggregationPlan&) = default;
};

// How patients are predicted with the models of the run. The validation Dice of rounds is measured without either.
struct PredictPlan {
  bool mirror = false;
  std::string components = "all";  // of each prediction | largest | validation: decided by the validation patients
  template <class V>
  void Visit(V& v) {
    v.Field("mirror", mirror, "predict each tile flipped along every set of axes too: eight times the work");
    v.Field("components", components,
            "which connected parts of a prediction stay: all, the largest, or validation: the largest alone where all "
            "sites' validation patients have the higher mean Dice so");
  }
  friend bool operator==(const PredictPlan&, const PredictPlan&) = default;
};

// What each hospital does with the run's last model for itself. Nothing of it leaves.
struct PersonalPlan {
  std::int64_t steps = 0;       // optimiser steps on its own patients; 0: the last model is used as it is
  double learning_rate = 1e-3;  // the first; it falls by the plan's schedule
  template <class V>
  void Visit(V& v) {
    v.Field("steps", steps,
            "steps of each hospital on its own patients after the run, for itself alone; kept where its own "
            "validation patients have no lower Dice; 0: none");
    v.Field("learning_rate", learning_rate, "their first learning rate");
  }
  friend bool operator==(const PersonalPlan&, const PersonalPlan&) = default;
};

// One federated run, as the administrator writes it in TOML. Every key has a default but `name`.
struct RunPlan {
  std::string name;  // letters, digits, '-'
  std::int64_t rounds = 10;
  std::int64_t patience = 0;  // stop after so many rounds without a better validation Dice; 0: never
  double target_dice = 0;     // stop when a round's INCOMING model reaches it on the validation patients; 0: never
  std::int64_t seed = 1;
  std::vector<std::string> labels = {kNeoplasm.Key() + " " + kNeoplasm.meaning};  // what the network learns to find
  EligibilityPlan eligibility;
  RoundPlan round;
  AggregationPlan aggregation;
  NetworkSpec network;
  PrepPlan prep;
  TrainPlan train;
  PredictPlan predict;
  PersonalPlan personal;

  template <class V>
  void Visit(V& v) {
    v.Field("name", name, "the run's name: letters, digits and '-'");
    v.Field("rounds", rounds, "rounds at most");
    v.Field("target_dice", target_dice, "stop when the pooled validation Dice reaches this; 0: never");
    v.Field("patience", patience, "stop when the pooled validation Dice has not risen for so many rounds; 0: never");
    v.Field("seed", seed, "every random choice of the run follows from it");
    v.Field(
        "labels", labels,
        "what is outlined in the images, by DICOM code: scheme, value, meaning; a site's site.toml says which of its "
        "contours that is");
    v.Section("eligibility", eligibility);
    v.Section("round", round);
    v.Section("aggregation", aggregation);
    v.Section("network", network);
    v.Section("prep", prep);
    v.Section("train", train);
    v.Section("predict", predict);
    v.Section("personal", personal);
  }
  void Validate() const;       // throws Error(kInvalidArgument) naming the key
  CodedConcept Label() const;  // the one label there is; throws as Validate
  std::int64_t TotalSteps() const { return rounds * train.steps; }

  friend bool operator==(const RunPlan&, const RunPlan&) = default;
};

// What an update weighs in the sum.
std::int64_t WeightOf(const AggregationPlan& plan, const TrainMetrics& metrics);

// An error names file, line, the key and the nearest key that exists.
RunPlan ParseRunPlan(std::string_view toml, std::string_view name);
RunPlan ReadRunPlan(const std::filesystem::path& file);
std::string ToToml(const RunPlan& plan);  // every key, with its comment; parses back to an equal plan
std::string ExplainRunPlan();             // the same with defaults: `run start --explain`
Digest DigestOf(const RunPlan& plan);

}  // namespace consilium
