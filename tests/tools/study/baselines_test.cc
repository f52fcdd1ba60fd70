// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/baselines.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "imaging/findings/segmentation_metrics.h"
#include "tests/tools/study/study_patients.h"

namespace consilium {
namespace {

TEST(Baselines, AThresholdTakesAllThatIsAtLeastSoHot) {
  const StudyPatient patient = test::BoxPatient("a");
  EXPECT_EQ(ThresholdMask(patient.pet, 8).CountNonZero(), 36);
  EXPECT_EQ(ThresholdMask(patient.pet, 3).CountNonZero(), 44);
  EXPECT_EQ(ThresholdMask(patient.pet, 3.25).CountNonZero(), 36);
  EXPECT_EQ(ThresholdMask(patient.pet, 8.5).CountNonZero(), 0);
  EXPECT_DOUBLE_EQ(DiceOfThreshold(3, std::vector{patient})[0], 2 * 36 / (36.0 + 44));
}

TEST(Baselines, TheBestThresholdIsTheLowestThatIsPerfect) {
  const std::vector<StudyPatient> patients{test::BoxPatient("a"), test::BoxPatient("b", 6)};
  EXPECT_DOUBLE_EQ(BestThreshold(patients), 3.25);
}

// 41 % of 8 is 3.28, above the other box; 41 % of 6 is 2.46, below it: the larger component stays.
TEST(Baselines, FortyOnePercentKeepsTheLargestComponent) {
  for (const double hot : {8.0, 6.0}) {
    const StudyPatient patient = test::BoxPatient("a", hot);
    EXPECT_EQ(FortyOnePercentMask(patient.pet).voxels, patient.reference.voxels) << hot;
  }
}

TEST(Baselines, TheLocationPriorReadsNoImage) {
  const std::vector<StudyPatient> patients{test::BoxPatient("a"), test::BoxPatient("b")};
  const LocationPrior prior(patients);
  EXPECT_EQ(prior.Mask(patients[0].reference.geometry).voxels, patients[0].reference.voxels);
  // Twice as fine: the same place.
  Geometry fine = patients[0].reference.geometry;
  fine.size = {20, 16, 12};
  const LabelMap mask = prior.Mask(fine);
  EXPECT_EQ(mask.CountNonZero(), 8 * 36);
  EXPECT_EQ(mask.voxels[static_cast<std::size_t>(fine.Offset(4, 4, 2))], 1);
  EXPECT_EQ(mask.voxels[static_cast<std::size_t>(fine.Offset(3, 4, 2))], 0);
  EXPECT_THROW(LocationPrior({}), Error);
}

}  // namespace
}  // namespace consilium
