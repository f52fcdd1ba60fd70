// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Imports after the first: what one folder says must not undo what is known of others, or of who is learnt from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "core/base/sqlite.h"
#include "site-node/library/case_library.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ImportAgainTest : public testing::Test {
 protected:
  std::unique_ptr<CaseLibrary> Open(const LibraryOptions& options = LibraryOptions()) {
    fs::create_directories(folder_ / "site");
    return std::make_unique<CaseLibrary>(folder_ / "site", options, Device(), clock_);
  }
  fs::path Write(int number) {
    const fs::path place = images_ / std::to_string(number);
    WriteSmallStudy(place, MakeSmallStudy(number));
    return place;
  }
  static CaseRecord CaseOf(CaseLibrary& library, const std::string& patient) {
    for (const CaseRecord& record : library.Cases())
      if (record.patient.Reveal() == patient) return record;
    ADD_FAILURE() << "no case of " << patient;
    return {};
  }
  static std::map<std::string, CaseRole> RolesIn(CaseLibrary& library) {
    std::map<std::string, CaseRole> roles;
    for (const CaseRecord& record : library.Cases()) roles[record.patient.Reveal()] = record.role;
    return roles;
  }
  // All that is said of the library's cases and studies.
  static std::vector<std::string> All(CaseLibrary& library) {
    std::vector<std::string> all;
    for (const CaseRecord& record : library.Cases())
      all.push_back(record.id.text() + " " + record.study.text() + " " + record.Note());
    for (const StudyRecord& study : library.Studies()) {
      all.push_back(study.id.text() + " " + study.place.string() + " " + (study.used ? "used" : study.fault.words));
      for (const Finding& finding : study.findings)
        all.push_back("  " + finding.place.string() + " " + finding.fault.words);
    }
    return all;
  }
  // Points of contours far beside the images: a contour, and none to learn from.
  static void Displace(const fs::path& study, int number) {
    RtStruct contour = MakeSmallStudy(number).contour;
    for (auto& roi : contour.rois)
      for (auto& one : roi.contours)
        for (auto& point : one) point.x += 5000;
    contour.file = study / "RTSTRUCT.dcm";
    WriteRtStruct(contour, MakeSmallStudy(number).uid());
  }

  TemporaryFolder folder_;
  const fs::path images_ = folder_ / "images";
  FakeClock clock_;
};

// The first import looked for contours of another name: nobody was learnt from, so nothing is lost.
TEST_F(ImportAgainTest, AWrongPatternOfContoursLeavesRoomForValidation) {
  for (const int number : {1, 2, 3, 4, 5, 6}) Write(number);
  Open({.contours = "Tumeur*"})->Import(images_);
  EXPECT_EQ(Open()->Counts(), (CaseCounts{0, 0, 6}));
  const auto library = Open();
  library->Import(images_);
  EXPECT_EQ(library->Counts(), (CaseCounts{4, 2}));
  const auto roles = RolesIn(*library);
  library->Import(images_);
  Open({.contours = "Tumeur*"})->Import(images_);  // once labelled, a role stays, whatever the labels do
  Open({.roles = {.validation_patients = 5}})->Import(images_);
  EXPECT_EQ(RolesIn(*library), roles);
}

// The role is drawn by what was read, not by what the headers promised.
TEST_F(ImportAgainTest, AContourThatIsNoneTakesNoPlaceOfValidation) {
  for (const int number : {1, 2, 3, 4, 5, 6}) Write(number);
  const auto first = Open();
  first->Import(images_);
  std::set<std::string> chosen;
  for (const auto& [patient, role] : RolesIn(*first))
    if (role == CaseRole::kValidation) chosen.insert(patient);
  ASSERT_EQ(chosen.size(), 2U);
  for (const int number : {1, 2, 3, 4, 5, 6})
    if (chosen.contains("AW-00" + std::to_string(number))) Displace(images_ / std::to_string(number), number);
  fs::copy(folder_ / "site/pseudonym.key", folder_ / "key");  // the same draw
  fs::remove_all(folder_ / "site");
  fs::create_directories(folder_ / "site");
  fs::copy(folder_ / "key", folder_ / "site/pseudonym.key");
  const auto library = Open();
  library->Import(images_);
  EXPECT_EQ(library->Counts(), (CaseCounts{2, 2, 2}));
}

TEST_F(ImportAgainTest, ALabelThatAPersonGivesMayBeTheFirstForValidation) {
  const fs::path study = Write(1);
  fs::rename(study / "RTSTRUCT.dcm", folder_ / "drawn.dcm");
  const auto library = Open({.roles = {.validation_patients = 1}});
  library->Import(images_);
  const CaseId id = CaseOf(*library, "AW-001").id;
  library->AddLabel(id, {folder_ / "drawn.dcm", "Dr Lee", "", false});
  EXPECT_EQ(library->Counts(), (CaseCounts{0, 0, 1})) << "not to be learnt from";
  library->AddLabel(id, {folder_ / "drawn.dcm", "Dr Lee", "", true});
  EXPECT_EQ(library->Counts(), (CaseCounts{0, 1}));
}

TEST_F(ImportAgainTest, WhoIsAskedToNameThemselvesMustDoSo) {
  const fs::path study = Write(1);
  const auto library = Open();
  library->Import(images_);
  const CaseId id = CaseOf(*library, "AW-001").id;
  for (const char* nobody : {"", "  "}) {
    const Error error = ErrorOf([&] { library->AddLabel(id, {study / "RTSTRUCT.dcm", nobody, "", true}); });
    EXPECT_STREQ(error.what(), "nobody is named who gives the label");
    EXPECT_THAT(error.next_step(), HasSubstr("--by"));
  }
  EXPECT_EQ(library->Labels(id).size(), 1U);
}

// A patient's number is corrected in the archive: the images stay who they are.
TEST_F(ImportAgainTest, ARoleGoesWithTheImagesWhenTheNumberIsCorrected) {
  for (const int number : {1, 2, 3, 4, 5, 6}) Write(number);
  const auto library = Open();
  library->Import(images_);
  const std::int64_t patients = library->Patients().training + library->Patients().validation;
  for (const auto& [patient, role] : RolesIn(*library)) {
    SCOPED_TRACE(patient);
    const int number = patient.back() - '0';
    const CaseId id = CaseOf(*library, patient).id;
    SmallStudy study = MakeSmallStudy(number);
    study.pet.patient = study.ct.patient = "ZZ-" + patient;
    study.contour.source.patient_id = PatientText("ZZ-" + patient);
    fs::remove_all(images_ / std::to_string(number));
    WriteSmallStudy(images_ / std::to_string(number), study);
    library->Import(images_);
    ASSERT_EQ(library->Find(id)->patient.Reveal(), "ZZ-" + patient);
    EXPECT_EQ(library->Find(id)->role, role);
    EXPECT_EQ(library->Patients().training + library->Patients().validation, patients);
    EXPECT_EQ(library->Quality(), (StudyQuality{6, 0, {}}));
  }
}

TEST_F(ImportAgainTest, APartOfAStudyDoesNotUndoTheWhole) {
  Write(1);
  Write(2);
  WriteFileBytes(images_ / "1/CT/stray.dcm", ReadFileBytes(images_ / "1/CT/001.dcm").substr(0, 140));
  const auto library = Open();
  library->Import(images_);
  const auto before = All(*library);
  const std::int64_t generation = library->Generation();
  for (const std::string part : {"1/PET", "1", "2/CT", "2/PET", "1/CT"}) {
    SCOPED_TRACE(part);
    const ImportReport report = library->Import(images_ / part);
    EXPECT_TRUE(report.gone.empty());
    EXPECT_TRUE(report.changed.empty());
    EXPECT_EQ(library->Counts(), (CaseCounts{0, 2}));
    const bool stray = part == "1/CT";  // whose file is by itself now
    EXPECT_EQ(report.Quality().quarantined, stray ? 1 : 0);
    if (!stray) {
      EXPECT_EQ(All(*library), before);
    }
  }
  library->Import(images_);
  EXPECT_EQ(All(*library), before);
  EXPECT_EQ(library->Generation(), generation);
}

// A contour that lies elsewhere than the images is not forgotten with an import of the images alone.
TEST_F(ImportAgainTest, AContourElsewhereStaysTheCases) {
  const fs::path study = Write(1);
  fs::create_directories(images_ / "contours");
  fs::rename(study / "RTSTRUCT.dcm", images_ / "contours/1.dcm");
  const auto library = Open();
  library->Import(images_);
  EXPECT_EQ(library->Import(study).known, 1);
  EXPECT_EQ(library->Labels(CaseOf(*library, "AW-001").id).size(), 1U);
  fs::remove_all(images_ / "contours");
  EXPECT_EQ(library->Import(study).changed.size(), 1U) << "it is not there any more; the library keeps a copy";
  EXPECT_EQ(library->Counts(), (CaseCounts{0, 1}));
}

TEST_F(ImportAgainTest, APartThatIsReallyGoneTakesTheCaseWithIt) {
  Write(1);
  const fs::path study = Write(2);
  const auto library = Open();
  library->Import(images_);
  fs::remove(study / "CT/004.dcm");
  EXPECT_TRUE(library->Import(study / "PET").gone.empty()) << "nothing is known of the CT there";
  EXPECT_EQ(library->Import(study / "CT").gone.size(), 1U);
  EXPECT_EQ(library->Counts(), (CaseCounts{0, 1}));
  EXPECT_EQ(library->Quality().quarantined, 1);
  for (const StudyRecord& one : library->Studies()) EXPECT_EQ(one.used, one.fault.words.empty());
}

TEST_F(ImportAgainTest, AStudyThatWasNeverWholeIsJudgedByAllItsParts) {
  const fs::path study = Write(1);
  fs::remove(study / "CT/004.dcm");
  const auto library = Open();
  library->Import(study / "CT");
  library->Import(study / "PET");
  ASSERT_EQ(library->Studies().size(), 1U);
  EXPECT_EQ(library->Studies()[0].fault.reason, QuarantineReason::kMissingSlices);
  EXPECT_EQ(library->Quality(), (StudyQuality{1, 1, {{QuarantineReason::kMissingSlices, 1}}}));
}

TEST_F(ImportAgainTest, AFolderThatIsEmptyNowIsRefusedUnlessThatIsMeant) {
  for (const int number : {1, 2, 3}) Write(number);
  const auto library = Open();
  library->Import(images_);
  fs::rename(images_, folder_ / "unmounted");
  fs::create_directories(images_);
  WriteFileBytes(images_ / "readme", "mount the archive here");
  const auto before = All(*library);
  const Error error = ErrorOf([&] { library->Import(images_); });
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(std::string(error.what()),
            "not one file is there any more of the 3 cases that were imported from " + images_.string());
  EXPECT_THAT(error.next_step(), HasSubstr("Is a disk not mounted?"));
  EXPECT_THAT(error.next_step(), HasSubstr("--gone"));
  EXPECT_EQ(All(*library), before);
  EXPECT_EQ(library->Counts(), (CaseCounts{1, 2}));
  EXPECT_EQ(library->Import(images_, {.accept_gone = true}).gone.size(), 3U);
  EXPECT_EQ(library->Counts(), (CaseCounts{}));
  EXPECT_TRUE(library->Import(images_).gone.empty()) << "nothing is expected there any more";
  fs::remove_all(images_);
  fs::rename(folder_ / "unmounted", images_);
  EXPECT_EQ(library->Import(images_).known, 3);
  EXPECT_EQ(library->Counts(), (CaseCounts{1, 2}));
}

// Files that are there and spoilt are no missing disk.
TEST_F(ImportAgainTest, AFolderOfSpoiltFilesIsNotRefused) {
  const fs::path study = Write(1);
  const auto library = Open();
  library->Import(images_);
  for (const auto& entry : fs::directory_iterator(study / "PET")) fs::resize_file(entry.path(), 150);
  EXPECT_EQ(library->Import(images_).gone.size(), 1U);
}

TEST_F(ImportAgainTest, AFileIsNoFolder) {
  const fs::path study = Write(1);
  const Error error = ErrorOf([&] { Open()->Import(study / "CT/001.dcm"); });
  EXPECT_THAT(error.what(), HasSubstr("001.dcm is a file and no folder"));
  EXPECT_THAT(error.next_step(), HasSubstr("Give the folder"));
}

// A library from before roles were settled: who may have been learnt from keeps the role.
TEST_F(ImportAgainTest, AnOlderLibraryIsUpgraded) {
  for (const int number : {1, 2, 3, 4}) Write(number);
  fs::remove(images_ / "1/RTSTRUCT.dcm");
  fs::remove(images_ / "2/RTSTRUCT.dcm");
  Open({.roles = {.validation_patients = 0}})->Import(images_);
  {
    const std::vector<std::string_view> none(4, "");
    Database database(folder_ / "site/library.sqlite", none);
    database.Run(
        "DROP INDEX cases_of_study; DROP INDEX cases_of_ct_study; ALTER TABLE cases DROP COLUMN ct_study; "
        "ALTER TABLE patients DROP COLUMN settled; PRAGMA user_version = 3");
  }
  Write(1);
  Write(2);
  const auto library = Open({.roles = {.validation_patients = 3}});
  EXPECT_EQ(library->Import(images_).changed.size(), 2U);
  const auto roles = RolesIn(*library);
  EXPECT_THAT(roles, testing::UnorderedElementsAre(
                         testing::Pair("AW-001", CaseRole::kValidation), testing::Pair("AW-002", CaseRole::kValidation),
                         testing::Pair("AW-003", CaseRole::kTraining), testing::Pair("AW-004", CaseRole::kTraining)));
  library->Import(images_ / "3/CT");
  EXPECT_EQ(library->Quality(), (StudyQuality{4, 0, {}}));
}

TEST_F(ImportAgainTest, ProgressCountsWhatTheSummaryCounts) {
  for (const int number : {1, 2, 3, 4}) Write(number);
  fs::remove_all(images_ / "2/CT");                  // no pair: known from the headers
  const fs::path spoilt = images_ / "3/CT/005.dcm";  // found when it is read
  bool spoil = true;
  std::vector<ImportProgress> said;
  ImportHooks hooks;
  hooks.progress = [&](const ImportProgress& progress) {
    if (progress.what == kReadingStudies) said.push_back(progress);
    if (progress.what != kReadingStudies || !spoil) return;
    fs::resize_file(spoilt, fs::file_size(spoilt) - 100);
    spoil = false;
  };
  const ImportReport report = Open()->Import(images_, hooks);
  ASSERT_GE(said.size(), 4U);
  EXPECT_EQ(said.front().done, 1) << "the study that has no case";
  EXPECT_EQ(said.front().quarantined, 1);
  for (const ImportProgress& progress : said) {
    EXPECT_EQ(progress.all, 4);
    EXPECT_EQ(progress.done, progress.used + progress.quarantined);
  }
  EXPECT_EQ(said.back().used, 2);
  EXPECT_EQ(said.back().quarantined, report.Quality().quarantined);
  for (const Finding& finding : report.Rejected()) EXPECT_TRUE(finding.place.is_absolute());
}

TEST_F(ImportAgainTest, APlaceIsAbsoluteWhateverTheFolderWasCalled) {
  Write(1);
  const fs::path spoilt = images_ / "1/PET/005.dcm";
  ImportHooks hooks;
  hooks.progress = [&](const ImportProgress& progress) {
    if (progress.what == kReadingStudies && progress.done == 0) fs::resize_file(spoilt, fs::file_size(spoilt) - 100);
  };
  const ImportReport report = Open()->Import(fs::relative(images_), hooks);
  ASSERT_EQ(report.Rejected().size(), 1U);
  EXPECT_EQ(report.Rejected()[0].place, fs::canonical(images_) / "1/PET");
}

// What was made of the old images is told to be old before the new ones are known: kill -9 at any point leaves nothing
// old that passes for new.
TEST_F(ImportAgainTest, WhatWasMadeOfChangedImagesGoesWithThem) {
  for (const int number : {1, 2, 3}) Write(number);
  const auto library = Open();
  library->Import(images_);
  const auto touch = [&] {
    for (const int number : {1, 2, 3}) {
      const fs::path slice = images_ / std::to_string(number) / "PET/002.dcm";
      fs::last_write_time(slice, fs::last_write_time(slice) + std::chrono::seconds(90));
    }
  };
  touch();
  const pid_t child = ::fork();
  if (child == 0) {
    ImportHooks hooks;
    hooks.changed = [&](const CaseId& id) {
      WriteFileBytes(folder_ / ("forgotten " + id.text()), "");
      if (std::distance(fs::directory_iterator(folder_.path()), {}) == 2 + 2) ::kill(::getpid(), SIGKILL);
    };
    Open()->Import(images_, hooks);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "killed at the second case, before it is written";
  std::set<CaseId> forgotten;
  ImportHooks hooks;
  hooks.changed = [&](const CaseId& id) { forgotten.insert(id); };
  EXPECT_EQ(library->Import(images_, hooks).changed.size(), 2U);
  for (const CaseRecord& record : library->Cases())
    EXPECT_TRUE(forgotten.contains(record.id) || fs::exists(folder_ / ("forgotten " + record.id.text())));
}

class RoleListTest : public ImportAgainTest {
 protected:
  RoleListTest() {
    for (const int number : {1, 2, 3}) Write(number);
  }
  std::unique_ptr<CaseLibrary> With(const std::string& list) {
    WriteFileBytes(folder_ / "roles.csv", list);
    return Open({.roles_file = folder_ / "roles.csv"});
  }
};

TEST_F(RoleListTest, ALineThatFitsNobodyWhileSomebodyIsNotListedIsRefusedBeforeAnythingIsForGood) {
  const auto library = With("AW-001,test\nAW-0O2,test\nAW-003,training\n");
  const Error error = ErrorOf([&] { library->Import(images_); });
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(std::string(error.what()), (folder_ / "roles.csv").string() + ", line 2: neither " + images_.string() +
                                           " nor the library has such a patient, while a patient found there is not "
                                           "in the list");
  EXPECT_THAT(error.Text(), Not(HasSubstr("AW-")));
  EXPECT_THAT(error.next_step(), HasSubstr("--allow-unmatched"));
  EXPECT_TRUE(library->Cases().empty());
  EXPECT_EQ(With("AW-001,test\nAW-002,test\nAW-003,training\n")->Import(images_).added, 3) << "corrected";
  EXPECT_EQ(library->Counts(), (CaseCounts{1, 0, 0, 2}));
}

TEST_F(RoleListTest, AListThatFitsNobodyIsToldSo) {
  const auto library = With("# ours\n1,test\n2,training\n");
  EXPECT_THAT(ErrorOf([&] { library->Import(images_); }).what(), HasSubstr("roles.csv, every line: neither "));
}

TEST_F(RoleListTest, PatientsWhoComeLaterAreNamedAndStopNothing) {
  const auto library = With("AW-001,test\nAW-002,test\nAW-003,training\nAW-009,review\n");
  const ImportReport report = library->Import(images_);
  ASSERT_EQ(report.unmatched.size(), 1U) << "all that are there are listed, so nothing is left to the draw";
  EXPECT_EQ(report.unmatched[0].line, 4);
  EXPECT_EQ(report.unmatched[0].patient.Reveal(), "AW-009");
  EXPECT_EQ(library->UnmatchedRoles().size(), 1U);
  Write(9);
  EXPECT_TRUE(library->Import(images_).unmatched.empty());
  EXPECT_TRUE(library->UnmatchedRoles().empty());
  EXPECT_EQ(CaseOf(*library, "AW-009").role, CaseRole::kReview);
}

TEST_F(RoleListTest, WhoMeansItGoesOn) {
  const auto library = With("AW-001,test\nAW-009,review\n");
  EXPECT_EQ(library->Import(images_, {.accept_unmatched = true}).unmatched.size(), 1U);
  EXPECT_EQ(library->Counts(), (CaseCounts{0, 2, 0, 1}));
}

// Of a patient from whom nothing was learnt the list may be corrected.
TEST_F(RoleListTest, AnUnlabelledPatientMayBeListedLater) {
  fs::remove(images_ / "2/RTSTRUCT.dcm");
  With("AW-001,training\nAW-002,training\nAW-003,training\n")->Import(images_);
  const auto library = With("AW-001,training\nAW-002,validation\nAW-003,training\n");
  library->Import(images_);
  EXPECT_EQ(CaseOf(*library, "AW-002").role, CaseRole::kValidation);
}

}  // namespace
}  // namespace consilium
