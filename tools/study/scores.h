// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/model/bootstrap.h"
#include "imaging/findings/segmentation_metrics.h"
#include "tools/study/cohort.h"

namespace consilium {

// One patient under one model.
struct CaseScore {
  std::string site, name;
  SegmentationMetrics metrics;
};

// A model, or a baseline, on all patients that are scored; every model has the same patients in the same order.
struct ModelScores {
  std::string model;  // "pooled", "federated", "local:SITE", or a baseline's words
  std::int64_t steps = 0;
  double seconds = 0;  // of its training
  std::vector<CaseScore> cases;

  std::vector<double> Dice() const;
  double MeanAt(const std::string& site) const;  // NaN without a patient there
};

// Scores `mask_of` each patient against its reference, on the PET's grid.
ModelScores Score(std::string model, std::span<const Cohort> cohorts,
                  const std::function<LabelMap(const StudyPatient&)>& mask_of);

// The names of the hospitals that have patients to score, in order.
std::vector<std::string> SitesOf(const ModelScores& scores);

// model,steps,site,case,status,dice,iou,hd95_mm,assd_mm,nsd_2mm,nsd_3mm,reference_ml,predicted_ml: a line for each
// model and patient.
std::string CasesCsv(std::span<const ModelScores> models);
std::vector<ModelScores> ScoresFromCsv(std::string_view csv, std::string_view name);  // throws Error(kInvalidArgument)

// Several studies (folds, seeds) as one: every model with all patients, by site and name; a patient that is in several
// counts once, with the mean of its numbers. Throws Error(kInvalidArgument) if a model lacks a patient that another
// has.
std::vector<ModelScores> PutTogether(std::span<const std::vector<ModelScores>> studies);

// model,steps,n,missed,false_alarm,dice,low,high,against,difference,difference_low,difference_high: a line for each
// model, and one for each pair with "pooled" and "federated": means with 95 % bootstrap intervals.
std::string SummaryCsv(std::span<const ModelScores> models);

}  // namespace consilium
