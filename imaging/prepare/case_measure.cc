// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/prepare/case_measure.h"

#include <cmath>

#include "core/round/prep_plan.h"
#include "imaging/prepare/preparer.h"

namespace consilium {

CaseMeasure MeasureCase(const Volume& pet, const Volume& ct, const LabelMap& reference, Device device) {
  constexpr double kFar = 1e9;  // nothing is clipped
  PrepPlan natural;
  natural.spacing_mm = std::cbrt(1000 * pet.geometry.VoxelVolumeMl());
  natural.pet_low = natural.ct_low = -kFar;
  natural.pet_high = natural.ct_high = kFar;
  natural.pet_mean = natural.ct_mean = 0;
  natural.pet_sd = natural.ct_sd = 1;
  const Sample sample = Prepare(CaseId("case"), pet, ct, &reference, natural, device);
  CaseMeasure out;
  out.spacing_mm = pet.geometry.spacing_mm;
  out.size = pet.geometry.size;
  out.voxels = sample.grid.size.count();
  const auto voxels = static_cast<std::size_t>(out.voxels);
  for (std::size_t n = 0; n < voxels; ++n) {
    if (sample.label[n] == 0) continue;
    out.pet_suv.push_back(sample.image[n]);
    out.ct_hu.push_back(sample.image[voxels + n]);
  }
  return out;
}

}  // namespace consilium
