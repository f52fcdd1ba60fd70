// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <sstream>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr std::string_view kCasesHead =
    "model,steps,site,case,status,dice,iou,hd95_mm,assd_mm,nsd_2mm,nsd_3mm,reference_ml,predicted_ml\n";

std::vector<std::string> Fields(const std::string& line) {
  std::vector<std::string> fields;
  std::stringstream in(line);
  for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
  return fields;
}

double Number(const std::string& text, std::string_view name) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  Require(failed == std::errc() && end == text.data() + text.size(),
          std::string(name) + ": `" + text.substr(0, 40) + "` is no number", "Run the study again.");
  return value;
}

CaseStatus StatusNamed(const std::string& text, std::string_view name) {
  for (const CaseStatus status :
       {CaseStatus::kOk, CaseStatus::kBothEmpty, CaseStatus::kMissed, CaseStatus::kFalseAlarm}) {
    if (Name(status) == text) return status;
  }
  throw Error(ErrorCode::kInvalidArgument, std::string(name) + ": `" + text.substr(0, 40) + "` is no status of a case",
              "Run the study again.");
}

std::int64_t Count(const ModelScores& scores, CaseStatus status) {
  return std::count_if(scores.cases.begin(), scores.cases.end(),
                       [&](const CaseScore& score) { return score.metrics.status == status; });
}

// Names come from folders and DICOM: nothing in them may end a field.
std::string Field(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ',' || c == '"' || c == '\n' || c == '\r'; }, '_');
  return text;
}

}  // namespace

std::vector<double> ModelScores::Dice() const {
  std::vector<double> dice;
  for (const CaseScore& score : cases) dice.push_back(score.metrics.dice);
  return dice;
}

double ModelScores::MeanAt(const std::string& site) const {
  double sum = 0, count = 0;
  for (const CaseScore& score : cases) {
    if (score.site == site) sum += score.metrics.dice, ++count;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

ModelScores Score(std::string model, std::span<const Cohort> cohorts,
                  const std::function<LabelMap(const StudyPatient&)>& mask_of) {
  ModelScores scores;
  scores.model = std::move(model);
  for (const Cohort& cohort : cohorts) {
    for (const StudyPatient& patient : cohort.held_out)
      scores.cases.push_back({cohort.site, patient.name, CompareMasks(mask_of(patient), patient.reference)});
  }
  return scores;
}

std::vector<std::string> SitesOf(const ModelScores& scores) {
  std::vector<std::string> sites;
  for (const CaseScore& score : scores.cases) {
    if (std::find(sites.begin(), sites.end(), score.site) == sites.end()) sites.push_back(score.site);
  }
  return sites;
}

std::string CasesCsv(std::span<const ModelScores> models) {
  std::string csv(kCasesHead);
  for (const ModelScores& model : models) {
    for (const CaseScore& score : model.cases) {
      const SegmentationMetrics& m = score.metrics;
      csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\n", Field(model.model), model.steps, Field(score.site),
                         Field(score.name), Name(m.status), m.dice, m.iou, m.hd95_mm, m.assd_mm, m.nsd_2mm, m.nsd_3mm,
                         m.reference_ml, m.prediction_ml);
    }
  }
  return csv;
}

std::vector<ModelScores> ScoresFromCsv(std::string_view csv, std::string_view name) {
  Require(csv.starts_with(kCasesHead), std::string(name) + " is no list of cases of a study", "Run the study again.");
  std::vector<ModelScores> models;
  std::stringstream in{std::string(csv.substr(kCasesHead.size()))};
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> f = Fields(line);
    Require(f.size() == 13, std::string(name) + ": a line has " + std::to_string(f.size()) + " fields, not 13",
            "Run the study again.");
    auto model = std::find_if(models.begin(), models.end(), [&](const ModelScores& m) { return m.model == f[0]; });
    if (model == models.end()) {
      models.push_back({f[0], static_cast<std::int64_t>(Number(f[1], name)), 0, {}});
      model = models.end() - 1;
    }
    CaseScore score{f[2], f[3], {}};
    SegmentationMetrics& m = score.metrics;
    m.status = StatusNamed(f[4], name);
    double* const numbers[] = {&m.dice,    &m.iou,     &m.hd95_mm,      &m.assd_mm,
                               &m.nsd_2mm, &m.nsd_3mm, &m.reference_ml, &m.prediction_ml};
    for (std::size_t i = 0; i < std::size(numbers); ++i) *numbers[i] = Number(f[5 + i], name);
    model->cases.push_back(std::move(score));
  }
  return models;
}

std::vector<ModelScores> PutTogether(std::span<const std::vector<ModelScores>> studies) {
  using Place = std::pair<std::string, std::string>;  // site, name
  std::vector<ModelScores> all;
  std::vector<std::map<Place, std::vector<SegmentationMetrics>>> found;
  for (const std::vector<ModelScores>& study : studies) {
    for (const ModelScores& model : study) {
      auto at = std::find_if(all.begin(), all.end(), [&](const ModelScores& m) { return m.model == model.model; });
      if (at == all.end()) {
        all.push_back({model.model, model.steps, 0, {}});
        found.emplace_back();
        at = all.end() - 1;
      }
      auto& cases = found[static_cast<std::size_t>(at - all.begin())];
      for (const CaseScore& score : model.cases) cases[{score.site, score.name}].push_back(score.metrics);
    }
  }
  for (std::size_t m = 0; m < all.size(); ++m) {
    for (const auto& [place, several] : found[m]) {
      CaseScore score{place.first, place.second, several.front()};
      const auto mean = [&](double SegmentationMetrics::*number) {
        double sum = 0;
        for (const SegmentationMetrics& one : several) sum += one.*number;
        score.metrics.*number = sum / static_cast<double>(several.size());
      };
      using M = SegmentationMetrics;
      for (const auto number :
           {&M::dice, &M::iou, &M::hd95_mm, &M::assd_mm, &M::nsd_2mm, &M::nsd_3mm, &M::prediction_ml})
        mean(number);
      all[m].cases.push_back(std::move(score));
    }
    Require(found[m].size() == found.front().size() &&
                std::equal(found[m].begin(), found[m].end(), found.front().begin(),
                           [](const auto& a, const auto& b) { return a.first == b.first; }),
            "`" + all[m].model + "` was not scored on the same patients as the others",
            "Give studies with the same arms.");
  }
  return all;
}

std::string SummaryCsv(std::span<const ModelScores> models) {
  std::string csv =
      "model,steps,n,missed,false_alarm,dice,low,high,against,difference,difference_low,difference_high\n";
  for (const ModelScores& model : models) {
    const MeanInterval mean = BootstrapMean(model.Dice());
    const std::string begin = fmt::format("{},{},{},{},{},{:.4f},{:.4f},{:.4f}", Field(model.model), model.steps,
                                          mean.n, Count(model, CaseStatus::kMissed),
                                          Count(model, CaseStatus::kFalseAlarm), mean.mean, mean.low, mean.high);
    csv += begin + ",,,,\n";
    for (const ModelScores& other : models) {
      if (other.model == model.model || (other.model != "pooled" && other.model != "federated")) continue;
      const MeanInterval d = PairedBootstrap(model.Dice(), other.Dice());
      csv += fmt::format("{},{},{:.4f},{:.4f},{:.4f}\n", begin, other.model, d.mean, d.low, d.high);
    }
  }
  return csv;
}

}  // namespace consilium
