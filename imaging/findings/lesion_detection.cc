// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/findings/lesion_detection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "imaging/findings/components.h"

namespace consilium {
namespace {

void RequireOneGrid(const Geometry& a, const Geometry& b, std::size_t in_a, std::size_t in_b) {
  Require(SameGrid(a, b, 0.01) && in_a == in_b, "prediction and reference lie on different grids",
          "Bring both to one grid first.");
}

// Which predicted component lies over which reference component, and by how many voxels. Only components that are
// large enough to be lesions.
struct Overlap {
  Components prediction, reference;
  std::vector<bool> is_predicted, is_reference;  // lesions, by number - 1
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> common;

  Overlap(const LabelMap& p, const LabelMap& r, const DetectionRule& rule)
      : prediction(FindComponents(p)), reference(FindComponents(r)) {
    const double voxel_ml = p.geometry.VoxelVolumeMl();
    const auto large = [&](const Components& c) {
      std::vector<bool> out;
      for (const std::int64_t voxels : c.voxels)
        out.push_back(static_cast<double>(voxels) * voxel_ml >= rule.min_volume_ml);
      return out;
    };
    is_predicted = large(prediction);
    is_reference = large(reference);
    for (std::size_t v = 0; v < prediction.number.size(); ++v) {
      const std::uint32_t a = prediction.number[v], b = reference.number[v];
      if (a != 0 && b != 0 && is_predicted[a - 1] && is_reference[b - 1]) ++common[{a, b}];
    }
  }

  bool Hits(std::uint32_t a, std::uint32_t b, std::int64_t voxels, double min_iou) const {
    const std::int64_t either = prediction.voxels[a - 1] + reference.voxels[b - 1] - voxels;
    return static_cast<double>(voxels) >= min_iou * static_cast<double>(either);
  }
};

std::int64_t Count(const std::vector<bool>& which) { return std::count(which.begin(), which.end(), true); }

}  // namespace

double LesionCounts::F1() const {
  const std::int64_t all = 2 * found + false_alarms + missed();
  return all == 0 ? 1.0 : 2.0 * static_cast<double>(found) / static_cast<double>(all);
}

LesionCounts operator+(const LesionCounts& a, const LesionCounts& b) {
  return {a.reference + b.reference,       a.found + b.found,         a.predicted + b.predicted,
          a.false_alarms + b.false_alarms, a.missed_ml + b.missed_ml, a.false_alarm_ml + b.false_alarm_ml};
}

LesionCounts CompareLesions(const LabelMap& prediction, const LabelMap& reference, const DetectionRule& rule) {
  RequireOneGrid(prediction.geometry, reference.geometry, prediction.voxels.size(), reference.voxels.size());
  const Overlap overlap(prediction, reference, rule);
  std::vector<bool> hits(overlap.is_predicted.size()), found(overlap.is_reference.size());
  for (const auto& [pair, voxels] : overlap.common) {
    if (!overlap.Hits(pair.first, pair.second, voxels, rule.min_iou)) continue;
    hits[pair.first - 1] = true;
    found[pair.second - 1] = true;
  }
  LesionCounts out;
  out.reference = Count(overlap.is_reference);
  out.predicted = Count(overlap.is_predicted);
  out.found = Count(found);
  out.false_alarms = out.predicted - Count(hits);
  const double voxel_ml = prediction.geometry.VoxelVolumeMl();
  for (std::size_t n = 0; n < hits.size(); ++n) {
    if (overlap.is_predicted[n] && !hits[n])
      out.false_alarm_ml += static_cast<double>(overlap.prediction.voxels[n]) * voxel_ml;
  }
  for (std::size_t n = 0; n < found.size(); ++n) {
    if (overlap.is_reference[n] && !found[n])
      out.missed_ml += static_cast<double>(overlap.reference.voxels[n]) * voxel_ml;
  }
  return out;
}

FrocCase Detect(const ProbabilityMap& probability, const LabelMap& reference, double threshold,
                const DetectionRule& rule) {
  RequireOneGrid(probability.grid, reference.geometry, probability.tumour.size(), reference.voxels.size());
  LabelMap candidates{probability.grid, std::vector<std::uint8_t>(probability.tumour.size())};
  for (std::size_t v = 0; v < candidates.voxels.size(); ++v)
    candidates.voxels[v] = static_cast<double>(probability.tumour[v]) >= threshold ? 1 : 0;
  const Overlap overlap(candidates, reference, rule);
  std::vector<double> score(overlap.is_predicted.size());
  for (std::size_t v = 0; v < candidates.voxels.size(); ++v) {
    const std::uint32_t n = overlap.prediction.number[v];
    if (n != 0) score[n - 1] = std::max(score[n - 1], static_cast<double>(probability.tumour[v]));
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> best(score.size());  // voxels in common, lesion
  for (const auto& [pair, voxels] : overlap.common) {
    auto& so_far = best[pair.first - 1];
    if (overlap.Hits(pair.first, pair.second, voxels, rule.min_iou) && voxels > so_far.first)
      so_far = {voxels, pair.second};
  }
  FrocCase out;
  out.lesions = Count(overlap.is_reference);
  for (std::size_t n = 0; n < score.size(); ++n) {
    if (overlap.is_predicted[n]) out.detections.push_back({score[n], best[n].second});
  }
  return out;
}

std::vector<FrocPoint> FrocCurve(std::span<const FrocCase> cases) {
  struct Event {
    double score;
    std::size_t of;
    std::int64_t lesion;
  };
  std::vector<Event> events;
  std::int64_t lesions = 0;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    lesions += cases[c].lesions;
    for (const Detection& d : cases[c].detections) events.push_back({d.score, c, d.lesion});
  }
  if (lesions == 0) return {};
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.score > b.score; });
  std::vector<FrocPoint> curve = {{std::numeric_limits<double>::infinity(), 0, 0}};
  std::set<std::pair<std::size_t, std::int64_t>> found;
  std::int64_t false_alarms = 0;
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (events[e].lesion == 0)
      ++false_alarms;
    else
      found.insert({events[e].of, events[e].lesion});
    if (e + 1 < events.size() && events[e + 1].score == events[e].score) continue;
    curve.push_back({events[e].score, static_cast<double>(false_alarms) / static_cast<double>(cases.size()),
                     static_cast<double>(found.size()) / static_cast<double>(lesions)});
  }
  return curve;
}

double FrocScore(std::span<const FrocPoint> curve) {
  if (curve.empty()) return std::numeric_limits<double>::quiet_NaN();
  constexpr std::array kRates = {0.25, 0.5, 1.0, 2.0, 4.0, 8.0};
  double sum = 0;
  for (const double rate : kRates) {
    // The last point that does not lie beyond the rate, and the one after it.
    std::size_t at = 0;
    while (at + 1 < curve.size() && curve[at + 1].false_alarms_per_case <= rate) ++at;
    double sensitivity = curve[at].sensitivity;
    if (at + 1 < curve.size()) {
      const FrocPoint &a = curve[at], &b = curve[at + 1];
      sensitivity += (rate - a.false_alarms_per_case) / (b.false_alarms_per_case - a.false_alarms_per_case) *
                     (b.sensitivity - a.sensitivity);
    }
    sum += sensitivity;
  }
  return sum / static_cast<double>(kRates.size());
}

}  // namespace consilium
