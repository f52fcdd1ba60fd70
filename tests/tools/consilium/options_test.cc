// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// `consilium study` and `consilium demo`: what cannot be run is refused in words, before any work and any folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/file_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPlan = CONSILIUM_DEMO_PLAN;

class Options : public testing::Test {
 protected:
  Ran Run(const std::string& words) const {
    return RunConsilium(words + " < /dev/null", "cd " + folder_.path().string() + " &&");
  }
  void ExpectRefused(const std::string& words, const std::string& what, const std::string& next = "") const {
    const Ran ran = Run(words);
    SCOPED_TRACE(words + "\n" + ran.err);
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("error: "));
    EXPECT_THAT(ran.err, HasSubstr(what));
    EXPECT_THAT(ran.err, HasSubstr(next));
    EXPECT_THAT(ran.err, Not(HasSubstr("This is a bug")));
    EXPECT_EQ(ran.out, "");
  }
  // What CLI11 itself refuses: another exit code than 0 and 1, the option's name, and where help is.
  void ExpectUsage(const std::string& words, const std::string& what) const {
    const Ran ran = Run(words);
    SCOPED_TRACE(words);
    EXPECT_GT(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr(what));
    EXPECT_THAT(ran.err, HasSubstr("--help"));
  }
  TemporaryFolder folder_;
};

TEST_F(Options, StudyRefusesNumbersThatMakeNoStudy) {
  const std::string study = std::string("study --out out --plan ") + kPlan;
  ExpectRefused(study + " --patients 2", "3 or more phantom patients");
  ExpectRefused(study + " --held-out 0", "at least one held-out patient");
  ExpectRefused(study + " --validation 0", "at least one", "--arms pooled,federated");
  ExpectRefused(study + " --validation 0 --arms pooled", "nobody is scored", "--folds");
  ExpectRefused(study + " --validation -1 --arms pooled", "a negative number", "");
  ExpectRefused(study + " --threads -1", "negative number of threads");
  ExpectRefused(study + " --folds 4 --fold 4", "--fold takes 0 to --folds minus 1", "--folds 4 --fold 0");
  ExpectRefused(study + " --arms pooled,best", "--arms takes pooled, federated and local");
  ExpectRefused(study + " --rule best", "`aggregation.rule` is \"best\"", "fedavg");
  ExpectUsage(study + " --patients many", "--patients");
  ExpectUsage(study + " --sites 3", "--dirichlet");
  ExpectUsage(study + " --fold 1", "--folds");
  ExpectUsage(study + " --memory-gb 4", "--planned");
  ExpectRefused("study --out out", "a study needs a plan", "--plan PLAN.toml");
  ExpectRefused(std::string("study --plan ") + kPlan, "a study needs a folder for what comes out", "--out DIR");
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(Options, StudyRefusesFoldersAndPlansThatAreNotThere) {
  const std::string study = std::string("study --out out --plan ") + kPlan;
  ExpectRefused("study --out out --plan none.toml", "cannot read none.toml", "Check the path");
  ExpectRefused(study + " --data nowhere", "there is no folder nowhere", "docs/real-data.md");
  ExpectRefused(study + " --test nowhere", "there is no folder nowhere", "docs/real-data.md");
  fs::create_directories(folder_ / "data/north");
  ExpectRefused(study + " --data data", "no patient with PET, CT and a contour in data/north", "SITE/PATIENT");
  fs::create_directories(folder_ / "none");
  ExpectRefused(study + " --data none", "none holds fewer than two hospital folders", "SITE/PATIENT");
  WriteFileDurably(folder_ / "bad.toml", "name = \"a\"\n[train]\nstep = 4\n");
  ExpectRefused("study --out out --plan bad.toml", "step", "steps");
  ExpectRefused("study --summarise nowhere", "nowhere/cases.csv");
}

constexpr const char* kTiny = R"(name = "tiny"
rounds = 2
seed = 3
[network]
features = [4, 8]
convs_per_stage = 1
[prep]
spacing_mm = 16
[train]
steps = 3
batch = 1
patch = 16
precision = "float32"
)";

// All of a study on phantoms: the same numbers twice, a second call trains nothing, another plan is told apart, a
// patient of both folders is refused.
TEST_F(Options, StudyTrainsScoresGoesOnAndRepeatsItself) {
  WriteFileDurably(folder_ / "tiny.toml", kTiny);
  const std::string study = "study --plan tiny.toml --patients 5 --held-out 1 --threads 2";
  const Ran first = Run(study + " --out a --json a.json");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("Dice on held-out patients, PET grid"));
  const auto read = [&](const char* file) {
    const auto bytes = ReadFile(folder_ / file);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  auto json = nlohmann::json::parse(read("a.json"));
  EXPECT_EQ(json["steps"], 2 * 3 * 3);
  EXPECT_EQ(json["test"].size(), 5U);
  EXPECT_TRUE(json["test"].contains("local:valley"));
  EXPECT_EQ(json["test"]["pooled"].size(), 3U);
  EXPECT_EQ(json["baselines"].size(), 4U);
  const Ran again = Run(study + " --out a --json again.json");
  EXPECT_THAT(again.err, HasSubstr("federated: already trained, 18 steps"));
  EXPECT_EQ(nlohmann::json::parse(read("again.json"))["test"], json["test"]);
  ASSERT_EQ(Run(study + " --out b --json b.json").exit_code, 0);
  for (const char* file : {"cases.csv", "summary.csv", "curves.csv", "models/federated.safetensors",
                           "models/pooled.safetensors", "models/local-coast.safetensors", "report.html"}) {
    EXPECT_EQ(read((std::string("a/") + file).c_str()), read((std::string("b/") + file).c_str())) << file;
  }
  const Ran both = Run("study --summarise a b");
  EXPECT_EQ(both.exit_code, 0) << both.err;
  EXPECT_THAT(both.out, testing::AllOf(HasSubstr("Dice over 2 studies"), HasSubstr("best SUV threshold")));
  ExpectRefused(study + " --out a --seed 4", "a holds a study of another plan, seed, split or other patients", "--out");
  ExpectRefused(study + " --data a/patients/phantoms --out c --test a/patients/phantoms",
                "is in both --data and --test", "never trained with");
  const Ran test = Run(study + " --data a/patients/phantoms --out d --test a/patients/held-out --arms pooled");
  EXPECT_EQ(test.exit_code, 0) << test.err;
  EXPECT_THAT(test.out, HasSubstr("Dice on the test patients"));
  const Ran dealt = Run(study + " --dirichlet 5 --sites 2 --out e --arms federated --json e.json");
  EXPECT_EQ(dealt.exit_code, 0) << dealt.err;
  EXPECT_EQ(nlohmann::json::parse(read("e.json"))["steps"], 2 * 3 * 2);
  const Ran planned = Run(study + " --planned --spacing 16 --features 4 --memory-gb 0.02 --arms pooled --out p");
  EXPECT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_THAT(planned.err, HasSubstr("planned from 9 patients, 9 cases"));
  EXPECT_THAT(read("p/plan.toml"),
              testing::AllOf(HasSubstr("spacing_mm = 16"), HasSubstr("features = [4, 8]"), HasSubstr("patch = 14"),
                             Not(HasSubstr("pet_mean = 7.06")), HasSubstr("rounds = 2")));
  ExpectRefused(study + " --dirichlet -1 --out f", "a Dirichlet split takes an alpha above 0");
}

TEST_F(Options, DemoRefusesNumbersOutOfRange) {
  ExpectRefused("demo --sites 1", "--sites takes 2 to 9, not 1");
  ExpectRefused("demo --sites 10", "--sites takes 2 to 9, not 10");
  ExpectRefused("demo --rounds -1", "--rounds takes 1 to 1000, not -1");
  ExpectRefused("demo --rounds 1001", "--rounds takes 1 to 1000, not 1001");
  ExpectRefused("demo --seed -3", "--seed takes a number from 0");
  ExpectUsage("demo --sites three", "--sites");
  ExpectUsage("demo --colour", "--colour");
  EXPECT_TRUE(fs::is_empty(folder_.path())) << "no folder demo/ is made";
}

TEST_F(Options, DemoRefusesPlansAndPatientsThatAreNotThere) {
  ExpectRefused("demo --plan none.toml", "cannot read none.toml", "Check the path");
  ExpectRefused("demo --data nowhere", "there is no folder nowhere", "docs/real-data.md");
  fs::create_directories(folder_ / "data/north");
  ExpectRefused("demo --data data --keep kept", "data holds 1 hospital folders", "docs/real-data.md");
}

// The demo removes an earlier demo, and nothing else.
TEST_F(Options, DemoLeavesAFolderAloneThatIsNotItsOwn) {
  fs::create_directories(folder_ / "mine");
  WriteFileDurably(folder_ / "mine/thesis.tex", "years of work");
  ExpectRefused("demo --keep mine", "mine is not empty and holds no earlier demo", "--keep");
  EXPECT_TRUE(fs::exists(folder_ / "mine/thesis.tex"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "mine"), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace consilium
