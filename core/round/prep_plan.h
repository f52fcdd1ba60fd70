// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/base/digest.h"

namespace consilium {

// How an image becomes numbers for the network, the same in every hospital. Channel value =
// (clip(v, low, high) - mean) / sd. Defaults are the published autoPET III foreground constants
// (MIC-DKFZ/autopet-3-submission), so no statistics of a site need leave it.
struct PrepPlan {
  double spacing_mm = 4.0;                                                 // isotropic, axes of the PET
  double pet_low = 1.04, pet_high = 51.2, pet_mean = 7.06, pet_sd = 7.96;  // SUV
  double ct_low = -832, ct_high = 1128, ct_mean = 108, ct_sd = 286;        // HU
  double ct_outside = -1024;  // HU of air: outside the CT, and padding in training and prediction alike
  double pet_outside = 0;     // SUV

  template <class V>
  void Visit(V& v) {
    v.Field("spacing_mm", spacing_mm, "edge of a voxel of the common grid");
    v.Field("pet_low", pet_low, "SUV below this are clipped");
    v.Field("pet_high", pet_high, "SUV above this are clipped");
    v.Field("pet_mean", pet_mean, "subtracted from SUV");
    v.Field("pet_sd", pet_sd, "SUV are divided by this");
    v.Field("ct_low", ct_low, "HU below this are clipped");
    v.Field("ct_high", ct_high, "HU above this are clipped");
    v.Field("ct_mean", ct_mean, "subtracted from HU");
    v.Field("ct_sd", ct_sd, "HU are divided by this");
    v.Field("ct_outside", ct_outside, "HU outside the CT: air");
    v.Field("pet_outside", pet_outside, "SUV outside the PET");
  }
  void Validate() const;
  Digest digest() const;  // of a canonical text of all fields

  // Normalised padding values of the two channels.
  float PetPadding() const;
  float CtPadding() const;

  friend bool operator==(const PrepPlan&, const PrepPlan&) = default;
};

}  // namespace consilium
