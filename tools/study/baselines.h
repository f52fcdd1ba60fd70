// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "core/data/label_map.h"
#include "tools/study/cohort.h"

namespace consilium {

// What can be had without learning: any model must be better. All masks lie on the PET's grid; of thresholds specks are
// left out as of predictions (kSmallestLesionMl).

LabelMap ThresholdMask(const Volume& pet, double suv);  // SUV >= suv
std::vector<double> DiceOfThreshold(double suv, std::span<const StudyPatient> patients);
double BestThreshold(std::span<const StudyPatient> patients);  // by mean Dice, of 0.25 to 20 in quarter steps

// The connected component (26-neighbourhood) of SUV >= 41 % of the maximum that is largest (Boellaard et al., EANM
// guideline 2015, draws by 41 %).
LabelMap FortyOnePercentMask(const Volume& pet);

// Where tumours lie in the image, whatever is in it: the mean of the training masks, each stretched to one box of
// kEdge^3, cut at the height that is best on them by mean Dice.
class LocationPrior {
 public:
  static constexpr std::int64_t kEdge = 32;
  explicit LocationPrior(std::span<const StudyPatient> training);
  LabelMap Mask(const Geometry& grid) const;  // stretched to the image
  double height() const { return height_; }

 private:
  std::vector<float> mean_;  // kEdge^3
  double height_ = 0.5;
};

}  // namespace consilium
