// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/metrics.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"

namespace consilium {
namespace {

// Everybody in the federation gets to see it: a short name, not whatever a site sends.
bool IsShortName(std::string_view text) {
  return text.size() <= 40 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':' || c == '-';
         });
}

}  // namespace

DiceSummary Merge(const DiceSummary& a, const DiceSummary& b) { return {a.sum + b.sum, a.cases + b.cases}; }

void RequireSensible(const DiceSummary& dice, std::string_view what) {
  Require(dice.cases >= 0, std::string(what) + ": the number of validation patients is negative");
  // A hair above: a sum of many ones is rounded.
  Require(dice.sum >= 0 && dice.sum <= static_cast<double>(dice.cases) * (1 + 1e-9),
          std::string(what) + ": the sum of Dice does not lie between 0 and the number of validation patients");
}

void RequireSensible(const TrainMetrics& metrics, std::string_view what) {
  RequireSensible(metrics.validation, what);
  RequireSensible(metrics.largest, what);
  Require(metrics.largest.cases == 0 || metrics.largest.cases == metrics.validation.cases,
          std::string(what) + ": largest parts were measured on other cases than predictions");
  Require(std::isfinite(metrics.loss), std::string(what) + ": the loss is not a finite number");
  Require(metrics.steps >= 0, std::string(what) + ": the number of steps is negative");
  Require(metrics.samples >= 1, std::string(what) + ": it comes from no training patient");
  Require(std::isfinite(metrics.seconds) && metrics.seconds >= 0, std::string(what) + ": its time is no time");
  const TrainedWith& with = metrics.with;
  Require(IsShortName(with.precision) && IsShortName(with.device) && with.threads >= 0 && with.threads <= 65536,
          std::string(what) + ": its precision, device or threads are not what a machine has");
}

}  // namespace consilium
