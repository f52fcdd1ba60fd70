// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// `consilium study` and `consilium demo`: what cannot be run is refused in words, before any work and any folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
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
  const std::string study = std::string("study ") + kPlan;
  ExpectRefused(study + " --patients 2", "3 or more phantom patients");
  ExpectRefused(study + " --held-out 0", "at least one held-out patient");
  ExpectRefused(study + " --threads -1", "negative number of threads");
  ExpectUsage(study + " --patients many", "--patients");
  ExpectUsage("study", "plan");
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(Options, StudyRefusesFoldersAndPlansThatAreNotThere) {
  const std::string study = std::string("study ") + kPlan;
  ExpectRefused("study none.toml", "cannot read none.toml", "Check the path");
  ExpectRefused(study + " --data nowhere", "there is no folder nowhere", "docs/real-data.md");
  fs::create_directories(folder_ / "data/north");
  ExpectRefused(study + " --data data", "no patient with PET, CT and a contour in data/north", "SITE/PATIENT");
  fs::create_directories(folder_ / "none");
  ExpectRefused(study + " --data none", "none holds fewer than two hospital folders", "SITE/PATIENT");
  WriteFileDurably(folder_ / "bad.toml", "name = \"a\"\n[train]\nstep = 4\n");
  ExpectRefused("study bad.toml", "step", "steps");
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
