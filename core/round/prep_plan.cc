// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/round/prep_plan.h"

#include <algorithm>
#include <cmath>

#include "core/base/config.h"
#include "core/base/error.h"

namespace consilium {
namespace {

void ValidateWindow(const std::string& channel, double low, double high, double mean, double sd) {
  Require(std::isfinite(low) && std::isfinite(high) && low < high,
          "prep." + channel + "_low must be below prep." + channel + "_high");
  Require(std::isfinite(mean), "prep." + channel + "_mean must be a finite number");
  Require(std::isfinite(sd) && sd > 0, "prep." + channel + "_sd must be above 0");
}

float Normalise(double value, double low, double high, double mean, double sd) {
  return static_cast<float>((std::clamp(value, low, high) - mean) / sd);
}

}  // namespace

void PrepPlan::Validate() const {
  Require(spacing_mm >= 0.5 && spacing_mm <= 20, "prep.spacing_mm must lie between 0.5 and 20 mm");
  ValidateWindow("pet", pet_low, pet_high, pet_mean, pet_sd);
  ValidateWindow("ct", ct_low, ct_high, ct_mean, ct_sd);
  Require(std::isfinite(pet_outside) && std::isfinite(ct_outside),
          "prep.pet_outside and prep.ct_outside must be finite numbers");
}

Digest PrepPlan::digest() const {
  ConfigPrinter printer(Comments::kHide);
  PrepPlan copy = *this;  // Visit is one function for reading and printing
  copy.Visit(printer);
  return DigestOf("consilium prep plan 1\n" + printer.text());
}

float PrepPlan::PetPadding() const { return Normalise(pet_outside, pet_low, pet_high, pet_mean, pet_sd); }
float PrepPlan::CtPadding() const { return Normalise(ct_outside, ct_low, ct_high, ct_mean, ct_sd); }

}  // namespace consilium
