// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "core/model/metrics.h"

namespace consilium {

// TrainMetrics as fields of a JSON object (json_fields.h): the same in an update file and in a run's journal.
template <class V, class Metrics>
void VisitMetrics(V& v, Metrics& metrics) {
  v.Field("loss", metrics.loss);
  v.Field("steps", metrics.steps);
  v.Field("samples", metrics.samples);
  v.Field("dice_sum", metrics.validation.sum);
  v.Field("dice_cases", metrics.validation.cases);
  v.Field("seconds", metrics.seconds);
  v.NewField("precision", metrics.with.precision);
  v.NewField("device", metrics.with.device);
  v.NewField("threads", metrics.with.threads);
  v.NewField("largest_dice_sum", metrics.largest.sum);
  v.NewField("largest_dice_cases", metrics.largest.cases);
}

}  // namespace consilium
