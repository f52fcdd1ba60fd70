// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tools/study/cohort.h"

namespace consilium::test {

// A patient of 10 x 8 x 6 PET voxels of 5 mm whose tumour is the box [2, 6) x [2, 5) x [1, 4), 36 voxels; SUV is `hot`
// inside and 1 outside, but for a second box of 2 x 2 x 2 voxels at the far corner with SUV 3.
inline StudyPatient BoxPatient(const std::string& name, double hot = 8) {
  StudyPatient patient;
  patient.name = name;
  Geometry grid;
  grid.size = {10, 8, 6};
  grid.spacing_mm = {5, 5, 5};
  patient.pet.geometry = grid;
  patient.reference = {grid, std::vector<std::uint8_t>(480)};
  patient.pet.slope.assign(6, 0.5F);
  patient.pet.intercept.assign(6, 0.0F);
  for (std::int64_t k = 0; k < 6; ++k) {
    for (std::int64_t j = 0; j < 8; ++j) {
      for (std::int64_t i = 0; i < 10; ++i) {
        const bool tumour = i >= 2 && i < 6 && j >= 2 && j < 5 && k >= 1 && k < 4;
        const bool far = i >= 8 && j >= 6 && k >= 4;
        patient.pet.voxels.push_back(static_cast<std::int16_t>((tumour ? hot : far ? 3 : 1) * 2));
        if (tumour) patient.reference.voxels[static_cast<std::size_t>(grid.Offset(i, j, k))] = 1;
      }
    }
  }
  return patient;
}

inline Cohort BoxCohort(const std::string& site, std::vector<StudyPatient> held_out) {
  return {site, {}, {}, std::move(held_out)};
}

}  // namespace consilium::test
