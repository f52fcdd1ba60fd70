// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/study_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/study/study_patients.h"

namespace consilium {
namespace {

using testing::HasSubstr;

RunPlan Plan() {
  RunPlan plan;
  plan.name = "small";
  plan.network.features = {4, 8};
  plan.train.patch = 16;
  return plan;
}

template <class F>
std::string WordsOf(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.next_step();
  }
  return "no error";
}

TEST(StudyFolder, KeepsWhatIsDone) {
  const TemporaryFolder folder;
  const RunPlan plan = Plan();
  TrainedArm arm{"local:east", InitialParameters(plan.network, 3), 40, 1.5, {0.5, -0.25}};
  {
    StudyFolder study(folder / "out", DigestOf("a"));
    EXPECT_FALSE(study.Find("local:east"));
    study.Keep(plan, arm);
  }
  const StudyFolder study(folder / "out", DigestOf("a"));
  const auto found = study.Find("local:east");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->parameters, arm.parameters);
  EXPECT_EQ(found->steps, 40);
  EXPECT_EQ(found->loss, arm.loss);
  EXPECT_FALSE(study.Find("pooled"));
  EXPECT_EQ(ReadModelFile(folder / "out/models/local-east.safetensors").card.patch, 16);
}

TEST(StudyFolder, AnotherStudyIsToldApart) {
  const TemporaryFolder folder;
  StudyFolder(folder / "out", DigestOf("a"));
  EXPECT_THAT(WordsOf([&] { StudyFolder(folder / "out", DigestOf("b")); }),
              testing::AllOf(HasSubstr("holds a study of another plan"), HasSubstr("--out")));
  WriteFileDurably(folder / "out/study.json", "{");
  EXPECT_THAT(WordsOf([&] { StudyFolder(folder / "out", DigestOf("a")); }), HasSubstr("is no record of a study"));
}

TEST(StudyFolder, TheIdentityIsOfPlanPatientsAndSplit) {
  Cohort cohort = test::BoxCohort("east", {});
  StudyPatient patient = test::BoxPatient("e1");
  patient.sample.image = std::vector<float>{1, 2};
  patient.sample.label = std::vector<std::uint8_t>{1};
  cohort.training.push_back(patient);
  const auto identity = [](const RunPlan& plan, const Cohort& of) { return StudyIdentity(plan, std::vector{of}); };
  const Digest first = identity(Plan(), cohort);
  EXPECT_EQ(identity(Plan(), cohort), first);
  RunPlan other_seed = Plan();
  other_seed.seed = 2;
  EXPECT_NE(identity(other_seed, cohort), first);
  Cohort moved = cohort;
  std::swap(moved.training, moved.validation);
  EXPECT_NE(identity(Plan(), moved), first);
  Cohort changed = cohort;
  changed.training[0].sample.image = std::vector<float>{1, 3};
  EXPECT_NE(identity(Plan(), changed), first);
}

}  // namespace
}  // namespace consilium
