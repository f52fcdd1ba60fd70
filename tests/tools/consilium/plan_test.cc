// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// consilium plan, run as people run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file_store.h"
#include "core/round/planner.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

using testing::HasSubstr;

Fingerprint Hospital(int patients, double mm, float suv) {
  Fingerprint out;
  for (int p = 0; p < patients; ++p) {
    CaseMeasure one;
    one.spacing_mm = {mm, mm, mm};
    one.size = {100, 90, 120};
    one.voxels = one.size.count();
    one.pet_suv = {suv, 2 * suv, 3 * suv};
    one.ct_hu = {-20, 40, 60};
    out.AddPatient(std::vector{one});
  }
  return out;
}

class PlanCommand : public testing::Test {
 protected:
  PlanCommand() {
    Write("a.json", ToJson(a_));
    Write("b.json", ToJson(b_));
  }
  void Write(const std::string& name, const std::string& text) const { WriteFileDurably(folder_ / name, text); }
  Ran Run(const std::string& words) const { return RunConsilium(words, "cd '" + folder_.path().string() + "' &&"); }
  void ExpectRefused(const std::string& words, const std::string& what) const {
    const Ran ran = Run(words);
    EXPECT_EQ(ran.exit_code, 1) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(what));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "no.toml"));
  }

  TemporaryFolder folder_;
  const Fingerprint a_ = Hospital(5, 4, 2), b_ = Hospital(3, 3, 5);
};

TEST_F(PlanCommand, MakesOnePlanOfAllFingerprints) {
  const Ran ran = Run("plan --fingerprint a.json b.json --name sarcoma --out plan.toml");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("planned from 8 patients, 8 cases"));
  EXPECT_THAT(ran.out, HasSubstr("consilium-hub run start plan.toml"));
  RunPlan base;
  base.name = "sarcoma";
  EXPECT_EQ(ReadRunPlan(folder_ / "plan.toml"), PlanRun(Merge(a_, b_), base).plan);
}

TEST_F(PlanCommand, TheBasePlanAndTheOptionsCount) {
  RunPlan base;
  base.name = "base";
  base.rounds = 33;
  Write("base.toml", ToToml(base));
  ASSERT_EQ(Run("plan --fingerprint b.json --base base.toml --memory-gb 2 --features 16 --spacing 5 --public-constants "
                "--out plan.toml")
                .exit_code,
            0);
  PlannerOptions options;
  options.memory_gb = 2;
  options.first_features = 16;
  options.spacing_mm = 5;
  options.public_intensities = true;
  const RunPlan plan = ReadRunPlan(folder_ / "plan.toml");
  EXPECT_EQ(plan, PlanRun(b_, base, options).plan);
  EXPECT_EQ(plan.rounds, 33);
  EXPECT_EQ(plan.prep.spacing_mm, 5);
  EXPECT_EQ(plan.prep.pet_mean, PrepPlan{}.pet_mean);
}

TEST_F(PlanCommand, WhatIsNoFingerprintIsRefused) {
  Write("other.json", "{\"format\": 1}");
  Write("huge.json", std::string(3 << 20, ' '));
  Write("empty.json", ToJson(Fingerprint()));
  ExpectRefused("plan --fingerprint a.json b.json --out no.toml", "a plan needs a name");
  ExpectRefused("plan --fingerprint a.json a.json --name x --out no.toml",
                "a.json and a.json hold the same fingerprint");
  ExpectRefused("plan --fingerprint a.json other.json --name x --out no.toml", "other.json: `cases` is missing");
  ExpectRefused("plan --fingerprint huge.json --name x --out no.toml", "huge.json");
  ExpectRefused("plan --fingerprint nowhere.json --name x --out no.toml", "nowhere.json");
  ExpectRefused("plan --fingerprint empty.json --name x --out no.toml", "the fingerprint is of no case");
  ExpectRefused("plan --fingerprint a.json --name x --memory-gb 0 --out no.toml", "memory above 0 GB");
}

}  // namespace
}  // namespace consilium
