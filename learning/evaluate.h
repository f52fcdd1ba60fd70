// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <stop_token>

#include "core/data/probability_map.h"
#include "core/data/sample.h"
#include "core/model/metrics.h"
#include "learning/predictor.h"

namespace consilium {

// 2 |P and R| / (|P| + |R|) with P = probability >= threshold and R = the sample's label, on the sample's grid;
// both empty: 1. The sample must have a label.
double DiceOf(const ProbabilityMap& prediction, const Sample& sample, double threshold = 0.5);

// Predicts every sample and sums its Dice.
DiceSummary Evaluate(Predictor& predictor, std::span<const Sample> samples, const PredictOptions& options = {},
                     std::stop_token stop = {});

}  // namespace consilium
