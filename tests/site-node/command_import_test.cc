// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// `consilium-site import`, `cases` and `label` as people type them: options, words, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/base/file_store.h"
#include "site-node/predict/prediction_store.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class ImportCommand : public testing::Test {
 protected:
  void Write(int number) { WriteSmallStudy(folder_ / "images" / std::to_string(number), MakeSmallStudy(number)); }
  Ran Site(const std::string& words) const {
    return RunConsilium(words + " --dir site < /dev/null", "cd " + folder_.path().string() + " &&");
  }
  Ran Succeeds(const std::string& words) const {
    Ran ran = Site(words);
    EXPECT_EQ(ran.exit_code, 0) << words << "\n" << ran.err;
    return ran;
  }
  void ExpectRefused(const std::string& words, const std::string& what, const std::string& next) const {
    const Ran ran = Site(words);
    SCOPED_TRACE(words + "\n" + ran.err);
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("error: " + what));
    EXPECT_THAT(ran.err, HasSubstr(next));
    EXPECT_EQ(ran.out, "");
  }
  json CasesAndMore() const { return json::parse(Succeeds("cases --json").out); }
  json Cases() const { return CasesAndMore().at("cases"); }

  const TemporaryFolder folder_;
};

TEST_F(ImportCommand, OneStudyIsNotSeveral) {
  Write(1);
  const Ran ran = Succeeds("import images");
  EXPECT_THAT(ran.out, HasSubstr("1 study   used 1   quarantined 0\n1 case added, "));
  EXPECT_THAT(ran.out, HasSubstr("The library holds 1 case: 0 for training, 1 for validation"));
  EXPECT_THAT(ran.out, HasSubstr("No patient with a label is for training"));
  EXPECT_THAT(Succeeds("cases").out, HasSubstr("\n1 study, 0 quarantined\n"));
  EXPECT_THAT(Succeeds("cases --statistics").out, HasSubstr("1 patient, 1 case, 1 of them with a label, 1 lesion\n"));
}

TEST_F(ImportCommand, CountsAreJsonToo) {
  for (const int number : {1, 2, 3}) Write(number);
  fs::remove_all(folder_ / "images/2/CT");
  fs::remove(folder_ / "images/3/RTSTRUCT.dcm");
  const Ran ran = Succeeds("import images --json");
  const json counts = json::parse(ran.out);
  EXPECT_EQ(counts.at("studies"), 3);
  EXPECT_EQ(counts.at("used"), 2);
  EXPECT_EQ(counts.at("quarantined"), 1);
  EXPECT_EQ(counts.at("unlabelled"), 1);
  EXPECT_EQ(counts.at("unmatched_roles"), json::array());
  EXPECT_THAT(ran.err, HasSubstr("3 of 3 studies, used 2, quarantined 1"));
}

TEST_F(ImportCommand, OptionsThatCannotBeMeantAreRefused) {
  Write(1);
  ExpectRefused("import images --validation -3", "--validation must not be negative", "or 0 for none");
  Succeeds("import images");
  EXPECT_NE(Site("cases --statistics --quarantined").exit_code, 0);
  const std::string id = Cases().at(0).at("case");
  ExpectRefused("label add " + id + " images/1/RTSTRUCT.dcm --by ''", "nobody is named who gives the label", "--by");
}

TEST_F(ImportCommand, AnEmptyFolderWhereCasesWereIsRefusedAndMayBeMeant) {
  Write(1);
  Write(2);
  Succeeds("import images");
  fs::rename(folder_ / "images", folder_ / "unmounted");
  fs::create_directories(folder_ / "images");
  ExpectRefused("import images", "not one file is there any more of the 2 cases that were imported from ",
                "Is a disk not mounted? Nothing was changed.");
  EXPECT_EQ(Cases().at(0).at("present"), true);
  const Ran gone = Succeeds("import images --gone");
  EXPECT_THAT(gone.out, HasSubstr("0 cases added, 0 known, 0 changed, 2 gone.\nCases that are gone"));
  EXPECT_EQ(Cases().at(0).at("present"), false);
}

TEST_F(ImportCommand, PatientsOfTheListWhomNobodyKnowsAreNamedToThoseWhoAsk) {
  for (const int number : {1, 2}) Write(number);
  WriteFileDurably(folder_ / "roles.csv", "AW-001,test\nAW-0O2,test\n");
  ExpectRefused("import images --roles roles.csv", "",
                "line 2: neither " + (folder_ / "images").string() + " nor the library has such a patient");
  const Ran ran = Succeeds("import images --roles roles.csv --allow-unmatched");
  EXPECT_THAT(ran.out, HasSubstr("names 1 patient whom no import has found:\n  line 2: AW-0O2\n"));
  EXPECT_THAT(ran.err, Not(HasSubstr("AW-"))) << "logs name nobody";
  EXPECT_THAT(Succeeds("cases").out, HasSubstr("\n  line 2: AW-0O2\n"));
  EXPECT_EQ(CasesAndMore().at("unmatched_roles"), (json::array({{{"line", 2}, {"patient", "AW-0O2"}}})));
  fs::remove(folder_ / "roles.csv");
  EXPECT_THAT(Succeeds("cases").err, HasSubstr("The list of roles cannot be read: "));
}

// Killed in the middle of an import of changed images: no prediction of the old ones is shown afterwards.
TEST_F(ImportCommand, AKilledImportLeavesNoPredictionOfOldImages) {
  for (int number = 1; number <= 40; ++number) Write(number);
  Succeeds("import images");
  {
    const json cases = Cases();
    PredictionStore store(folder_ / "site", {});
    for (const json& one : cases) {
      Prediction prediction;
      prediction.id = CaseId(one.at("case").get<std::string>());
      prediction.model = DigestOf("a model");
      prediction.labels.geometry.size = {1, 1, 1};
      prediction.labels.voxels = {0};
      store.Put(prediction);
    }
  }
  EXPECT_TRUE(Cases().at(0).contains("prediction"));
  for (int number = 1; number <= 40; ++number) {
    const fs::path slice = folder_ / "images" / std::to_string(number) / "PET/002.dcm";
    fs::last_write_time(slice, fs::last_write_time(slice) + std::chrono::seconds(90));
  }
  const std::string script = "cd " + folder_.path().string() +
                             "; '" CONSILIUM_PROGRAM
                             "' import images --dir site > said 2> errors & pid=$!; "
                             "until grep -q studies errors; do sleep 0.01; done; kill -KILL $pid; wait $pid";
  std::system(script.c_str());
  const json counts = json::parse(Succeeds("import images --json").out);
  EXPECT_GT(counts.at("known"), 0) << "it was killed after some";
  EXPECT_GT(counts.at("changed"), 0) << "and before others";
  const json cases = Cases();
  for (const json& one : cases) EXPECT_FALSE(one.contains("prediction")) << one.at("case");
}

}  // namespace
}  // namespace consilium
