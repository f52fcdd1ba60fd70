// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "core/data/label_map.h"
#include "cuda/device.h"

namespace consilium {

// What a prediction and a reference are to each other. Stored with the numbers, because no single number says it.
enum class CaseStatus {
  kOk,          // both hold something
  kBothEmpty,   // rightly nothing
  kMissed,      // the prediction is empty, the reference is not
  kFalseAlarm,  // the reference is empty, the prediction is not
};
std::string_view Name(CaseStatus status);  // "ok", "both-empty", "missed", "false-alarm"

// What the numbers are where one mask is empty, or both are.
//   kConsilium: every case has a Dice, an IoU, an NSD and distances, so that none is dropped from a mean. Both empty: 1
//   and
//     0 mm. Missed or false alarm: 0, and the diagonal of the image between its outermost centres.
//   kMonai: as MONAI 1.5, which drops what is NaN. Dice and IoU are NaN wherever the reference is empty (a false alarm
//     is not counted), hd95 is NaN for every miss, NSD is NaN for two empty masks; hd and assd are infinite for a miss.
enum class MetricsConvention { kConsilium, kMonai };

// One predicted mask against its reference.
struct SegmentationMetrics {
  CaseStatus status = CaseStatus::kBothEmpty;
  double dice = 1, iou = 1;
  double precision = 0, recall = 0;            // NaN where nothing was predicted, where nothing was to be found
  double hd_mm = 0, hd95_mm = 0, assd_mm = 0;  // Hausdorff distance, its 95th percentile, average surface distance
  double nsd_2mm = 1, nsd_3mm = 1;             // normalised surface distance (surface Dice) at a tolerance
  double prediction_ml = 0, reference_ml = 0;
  double VolumeError() const { return (prediction_ml - reference_ml) / reference_ml; }  // relative, signed
};

// Everything that is not 0 counts as tumour. A surface is the mask's voxels that have a neighbour (of six) outside the
// mask or the image. Distances run between centres of surface voxels, exact, in mm:
//   hd95: the larger of both directions' 95th percentiles (linear interpolation), as MONAI, not the pooled one
//   assd: the mean over the surface voxels of both masks together
//   nsd: the share of the surface voxels of both masks that lie within the tolerance of the other's surface
// Definitions and their differences elsewhere: Maier-Hein et al., Metrics reloaded, Nature Methods 2024. Large masks
// are worked on in two threads. Throws Error(kInvalidArgument) unless both lie on one grid.
SegmentationMetrics CompareMasks(const LabelMap& prediction, const LabelMap& reference,
                                 MetricsConvention convention = MetricsConvention::kConsilium, Device device = {});

// 2|A and B| / (|A| + |B|) alone; 1 if both are empty. Throws as CompareMasks().
double Dice(const LabelMap& a, const LabelMap& b);

}  // namespace consilium
