// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/data/label_map.h"
#include "core/data/probability_map.h"

namespace consilium {

// When a predicted lesion counts as one and when it hits. Part of every number that follows from it. Lesions are
// connected components (26-neighbourhood).
struct DetectionRule {
  double min_volume_ml = 0.1;  // smaller components are no lesions, on either side
  double min_iou = 0;          // of a predicted and a reference component, for a hit; 0: one common voxel is enough
};

// The lesions of one case, counted.
struct LesionCounts {
  std::int64_t reference = 0, found = 0;         // lesions to find, and those hit by at least one predicted lesion
  std::int64_t predicted = 0, false_alarms = 0;  // predicted lesions, and those that hit none
  double missed_ml = 0, false_alarm_ml = 0;      // volumes of the lesions not found, and of the false alarms

  std::int64_t missed() const { return reference - found; }
  // 2 TP / (2 TP + FP + FN) with TP = found; 1 if there is nothing to find and nothing was predicted.
  double F1() const;
};
LesionCounts operator+(const LesionCounts& a, const LesionCounts& b);  // of several cases

// Throws Error(kInvalidArgument) unless both lie on one grid.
LesionCounts CompareLesions(const LabelMap& prediction, const LabelMap& reference, const DetectionRule& rule = {});

// One predicted lesion and how sure the network is of it.
struct Detection {
  double score = 0;         // the largest probability inside
  std::int64_t lesion = 0;  // the reference lesion that it hits (the one with the largest overlap), from 1; 0: none
};

// What one case adds to a FROC curve.
struct FrocCase {
  std::vector<Detection> detections;
  std::int64_t lesions = 0;  // to find
};

// Candidates are the components of probability >= `threshold`. Throws as CompareLesions().
FrocCase Detect(const ProbabilityMap& probability, const LabelMap& reference, double threshold = 0.1,
                const DetectionRule& rule = {});

// Free-response operating characteristic: what is found at how many false alarms a case, when only detections that
// reach a score are counted. A lesion that is hit several times is found once. One point for each distinct score,
// falling, from (0, 0) on. MONAI's compute_froc_curve_data leaves out the lowest score; this one does not.
struct FrocPoint {
  double score = 0, false_alarms_per_case = 0, sensitivity = 0;
};
std::vector<FrocPoint> FrocCurve(std::span<const FrocCase> cases);

// Mean sensitivity at 1/4, 1/2, 1, 2, 4 and 8 false alarms a case, interpolated linearly along the curve and level
// after its end (CAMELYON16, LUNA16 and numpy.interp). NaN without a lesion or a case.
double FrocScore(std::span<const FrocPoint> curve);

}  // namespace consilium
