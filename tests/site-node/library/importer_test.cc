// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// What an import keeps and says: verdicts of studies, roles, labels, and that it goes on after any interruption.
#include "site-node/library/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "site-node/library/case_library.h"
#include "tests/site-node/error_of.h"
#include "tests/support/dicom_files.h"
#include "tests/support/fake_clock.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ImporterTest : public testing::Test {
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
  // A second study of patient 1.
  void WriteSecondStudyOfPatient1() {
    SmallStudy study = MakeSmallStudy(77);
    study.pet.patient = study.ct.patient = "AW-001";
    study.contour.source.patient_id = PatientText("AW-001");
    WriteSmallStudy(images_ / "1 again", study);
  }
  static CaseRecord CaseOf(CaseLibrary& library, const std::string& patient) {
    for (const CaseRecord& record : library.Cases())
      if (record.patient.Reveal() == patient) return record;
    ADD_FAILURE() << "no case of " << patient;
    return {};
  }
  std::int64_t Samples() const { return std::distance(fs::directory_iterator(folder_ / "site/samples"), {}); }
  // Another contour: half as many slices.
  static void Redraw(const fs::path& study, int number) {
    RtStruct contour = MakeSmallStudy(number).contour;
    contour.rois[0].contours.pop_back();
    contour.file = study / "RTSTRUCT.dcm";
    WriteRtStruct(contour, MakeSmallStudy(number).uid());
  }

  TemporaryFolder folder_;
  const fs::path images_ = folder_ / "images";
  FakeClock clock_;
};

// The liver is drawn on the PET, the tumour on the CT: one file would hide the other.
TEST_F(ImporterTest, EachLabelIsTakenFromTheFileThatHoldsIt) {
  SmallStudy study = MakeSmallStudy(1);
  study.contour.source.series_uids = {PatientText(study.ct.series)};
  WriteSmallStudy(images_ / "1", study);
  RtStruct liver = MakeSmallStudy(1).contour;
  liver.rois[0].name = "Liver";
  liver.rois[0].contours.pop_back();
  liver.file = images_ / "1" / "liver.dcm";
  WriteRtStruct(liver, study.uid());
  LibraryOptions options;
  const LabelQuery query{.code = {"10200004", "SCT", "Liver"}, .patterns = "Liver*"};
  options.other_labels = {query};
  const auto library = Open(options);
  const ImportReport report = library->Import(images_);
  EXPECT_TRUE(report.Rejected().empty());
  EXPECT_EQ(library->Import(images_).known, 1);
  const CaseId id = library->Cases().at(0).id;
  EXPECT_EQ(library->Images(id).reference->CountNonZero(), SmallStudy::kContourVoxels);
  EXPECT_EQ(library->Images(id, query).reference->CountNonZero(), SmallStudy::kContourVoxels / 2);
  EXPECT_NE(library->DataKey(id), library->DataKey(id, query));
  const std::vector<LabelVersion> labels = library->Labels(id);
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].place.filename(), "RTSTRUCT.dcm");
  EXPECT_TRUE(labels[0].in_use && !labels[1].in_use) << "the tumour's";
  EXPECT_EQ(library->Prepared(CaseRole::kTraining, {}, query).samples.size() +
                library->Prepared(CaseRole::kValidation, {}, query).samples.size(),
            1U);
  library->WithdrawLabel(id, labels[1].version);
  EXPECT_EQ(ErrorOf([&] { library->Images(id, query); }).code(), ErrorCode::kNotFound);
  EXPECT_EQ(library->Images(id).reference->CountNonZero(), SmallStudy::kContourVoxels);
}

TEST_F(ImporterTest, APatientsNumberIsThatOfItsCharacterSet) {
  SmallStudy study = MakeSmallStudy(1);
  for (SeriesFiles* files : {&study.pet, &study.ct}) {
    files->patient = "M\xfcller";
    files->edits = {{{0x00080005}, "ISO_IR 100"}};
  }
  study.contour.source.patient_id = PatientText("M\xc3\xbcller");
  WriteSmallStudy(images_ / "1", study);
  WriteFileBytes(folder_ / "roles.csv", "Müller,test\n");
  const auto library = Open({.roles_file = folder_ / "roles.csv"});
  const ImportReport report = library->Import(images_);
  EXPECT_TRUE(report.unmatched.empty());
  CaseRecord record = CaseOf(*library, "Müller");
  EXPECT_EQ(record.role, CaseRole::kTest);
  EXPECT_TRUE(record.labelled);

  // A library of before holds the bytes of the file: the role goes with the images.
  CaseStore store(folder_ / "site/library.sqlite", clock_);
  store.SetPatient(record.id, PatientText("M\xfcller"));
  ASSERT_TRUE(store.Roles().contains(PatientText("M\xfcller")) && !store.Roles().contains(PatientText("Müller")));
  const auto later = Open();  // without the list
  EXPECT_EQ(later->Import(images_).known, 1);
  EXPECT_EQ(store.Roles(), (PatientRoles{{PatientText("Müller"), CaseRole::kTest}}));
  EXPECT_EQ(CaseOf(*later, "Müller").id, record.id);
  ASSERT_EQ(later->Studies().size(), 1U);
  EXPECT_EQ(later->Studies()[0].patient.Reveal(), "Müller");
}

TEST_F(ImporterTest, WhatIsDrawnInsteadIsListedAndReasonsAreCountedTogether) {
  for (const int number : {1, 2}) {
    RtStruct contour = MakeSmallStudy(number).contour;
    contour.rois[0].name = "Tumeur " + std::to_string(number);
    contour.file = Write(number) / "RTSTRUCT.dcm";
    WriteRtStruct(contour, MakeSmallStudy(number).uid());
  }
  const auto library = Open();
  const std::string words = "no contour named like GTV*,Tumour*,Tumor* among those of the PET";
  for (int import = 0; import < 2; ++import) {
    const ImportReport report = library->Import(images_);
    EXPECT_EQ(report.no_label, (std::map<std::string, std::int64_t>{{words, 2}})) << "import " << import;
    EXPECT_EQ(CaseOf(*library, "AW-001").Note(), words + "; there are: Tumeur 1");
    EXPECT_EQ(CaseOf(*library, "AW-002").Note(), words + "; there are: Tumeur 2");
  }
}

TEST_F(ImporterTest, EveryStudyEndsAsUsedOrQuarantinedWithTheReason) {
  Write(1);
  fs::remove(Write(2) / "CT" / "004.dcm");
  fs::remove_all(Write(3) / "CT");
  EditDicomFile(Write(4) / "PET" / "002.dcm", {{{0x00200032}, std::nullopt}});
  fs::remove(Write(5) / "RTSTRUCT.dcm");
  const auto library = Open();
  const ImportReport report = library->Import(images_);
  EXPECT_EQ(report.added, 2);
  EXPECT_EQ(report.Quality().studies, 5);
  EXPECT_EQ(report.Quality().quarantined, 3);
  EXPECT_EQ(report.Quality().reasons.at(QuarantineReason::kMissingSlices), 1);
  EXPECT_EQ(report.Quality().reasons.at(QuarantineReason::kNoPair), 1);
  EXPECT_EQ(library->Quality(), report.Quality());
  EXPECT_EQ(report.no_label, (std::map<std::string, std::int64_t>{{"no contour (RTSTRUCT) of this patient", 1}}));
  std::vector<bool> used;
  std::set<StudyId> ids;
  for (const StudyRecord& study : library->Studies()) {
    used.push_back(study.used);
    ids.insert(study.id);
    EXPECT_EQ(study.used, study.fault.words.empty());
    EXPECT_THAT(study.patient.Reveal(), HasSubstr("AW-00"));
    EXPECT_THAT(study.id.text(), testing::StartsWith("study-"));
    EXPECT_THAT(study.id.text(), testing::Not(HasSubstr("AW-")));
  }
  EXPECT_THAT(used, ElementsAre(true, false, false, false, true)) << "by place";
  EXPECT_EQ(ids.size(), 5U);
}

// A file that says of itself neither patient nor study belongs to the study in whose folder it lies.
TEST_F(ImporterTest, ADamagedFileBesideAGoodSeriesIsAFindingOfThatStudy) {
  const fs::path study = Write(1);
  WriteFileBytes(study / "PET" / "stray.img", ReadFileBytes(study / "PET" / "001.dcm").substr(0, 140));
  fs::create_directories(images_ / "alone");
  WriteFileBytes(images_ / "alone" / "half.dcm", ReadFileBytes(study / "PET" / "001.dcm").substr(0, 140));
  const auto library = Open();
  const ImportReport report = library->Import(images_);
  ASSERT_EQ(report.added, 1);
  ASSERT_EQ(report.studies.size(), 2U);
  const StudyRecord& good = report.studies[0];
  EXPECT_TRUE(good.used);
  ASSERT_EQ(good.findings.size(), 1U);
  EXPECT_EQ(good.findings[0].place, study / "PET" / "stray.img");
  EXPECT_EQ(good.findings[0].fault.reason, QuarantineReason::kNotReadable);
  EXPECT_FALSE(report.studies[1].used);
  EXPECT_EQ(report.studies[1].place, images_ / "alone");
}

TEST_F(ImporterTest, ASecondStudyOrANewImportNeverMovesAPatient) {
  for (const int number : {1, 2, 3, 4, 5, 6}) Write(number);
  const auto library = Open();
  library->Import(images_);
  std::map<std::string, CaseRole> before;
  for (const CaseRecord& record : library->Cases()) before[record.patient.Reveal()] = record.role;
  WriteSecondStudyOfPatient1();
  for (int number = 7; number <= 30; ++number) Write(number);  // no small site any more
  const auto again = Open({.roles = {.validation = 0.5, .validation_patients = 9}});
  EXPECT_EQ(again->Import(images_).added, 25);
  for (const CaseRecord& record : again->Cases()) {
    const auto known = before.find(record.patient.Reveal());
    EXPECT_TRUE(known == before.end() || record.role == known->second) << record.patient.Reveal();
  }
  std::set<CaseRole> of_patient_1;
  for (const CaseRecord& record : again->Cases())
    if (record.patient.Reveal() == "AW-001") of_patient_1.insert(record.role);
  EXPECT_EQ(of_patient_1.size(), 1U);
}

// kill -9 after each study, and between the look at the headers and the first one.
TEST_F(ImporterTest, AnImportThatWasKilledGoesOnWithoutLossOrDouble) {
  constexpr int kStudies = 4;
  for (int number = 1; number <= kStudies; ++number) Write(number);
  for (int at = 0; at < kStudies; ++at) {
    SCOPED_TRACE(at);
    fs::remove_all(folder_ / "site");
    const pid_t child = ::fork();
    if (child == 0) {
      Open()->Import(images_, {.progress =
                                   [&](const ImportProgress& progress) {
                                     const bool headers =
                                         progress.what == kLookingAtFiles && progress.done == progress.all;
                                     if (at == 0 ? headers : progress.what == kReadingStudies && progress.done == at)
                                       ::kill(::getpid(), SIGKILL);
                                   },
                               .stop = {}});
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto library = Open();
    EXPECT_EQ(library->Cases().size(), static_cast<std::size_t>(at)) << "what was read is kept";
    const ImportReport report = library->Import(images_);
    EXPECT_EQ(report.known, at) << "not read again";
    EXPECT_EQ(report.added, kStudies - at);
    EXPECT_EQ(library->Cases().size(), static_cast<std::size_t>(kStudies));
    EXPECT_EQ(library->Quality(), (StudyQuality{kStudies, 0, {}}));
    EXPECT_EQ(library->Counts(), (CaseCounts{2, 2}));
  }
}

TEST_F(ImporterTest, AStoppedImportSaysHowToGoOn) {
  for (const int number : {1, 2, 3}) Write(number);
  const auto library = Open();
  std::stop_source stop;
  const Error error = ErrorOf([&] {
    library->Import(images_, {.progress =
                                  [&](const ImportProgress& progress) {
                                    if (progress.what == kReadingStudies && progress.done == 2) stop.request_stop();
                                  },
                              .stop = stop.get_token()});
  });
  EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  EXPECT_STREQ(error.what(), "the import was stopped after 2 of 3 studies");
  EXPECT_THAT(error.next_step(), HasSubstr("goes on where it stopped"));
  EXPECT_EQ(library->Cases().size(), 2U);
  EXPECT_EQ(library->Import(images_).known, 2);
}

TEST_F(ImporterTest, AnImportThatIsStoppedAmongTheHeadersHasTakenInNothing) {
  Write(1);
  const auto library = Open();
  std::stop_source stop;
  stop.request_stop();
  const Error error = ErrorOf([&] { library->Import(images_, {.progress = {}, .stop = stop.get_token()}); });
  EXPECT_STREQ(error.what(), "the import was stopped while it looked at files");
  EXPECT_TRUE(library->Cases().empty());
  EXPECT_EQ(library->Import(images_).added, 1);
}

TEST_F(ImporterTest, ASecondImportAtTheSameTimeIsRefused) {
  Write(1);
  const auto library = Open(), other = Open();
  std::string refused;
  library->Import(images_, {.progress =
                                [&](const ImportProgress&) {
                                  if (refused.empty()) refused = ErrorOf([&] { other->Import(images_); }).what();
                                },
                            .stop = {}});
  EXPECT_EQ(refused, "another import into this library is running");
  EXPECT_EQ(other->Import(images_).known, 1) << "the lock is gone with the import";
}

TEST_F(ImporterTest, ChangedImagesAreReadAgainAndTheirSamplesGo) {
  const fs::path study = Write(1);
  Write(2);
  const auto library = Open();
  library->Import(images_);
  for (const CaseRecord& record : library->Cases()) library->Prepared(record.id, {});
  ASSERT_EQ(Samples(), 2);
  const fs::path slice = study / "PET" / "002.dcm";
  const auto time = fs::last_write_time(slice);
  const std::string bytes = ReadFileBytes(slice);
  WriteFileBytes(folder_ / "new", bytes);  // the same size and time, but another file: both are there at once
  fs::rename(folder_ / "new", slice);
  fs::last_write_time(slice, time);
  const ImportReport report = library->Import(images_);
  EXPECT_THAT(report.changed, ElementsAre(CaseOf(*library, "AW-001").id));
  EXPECT_EQ(report.known, 1);
  EXPECT_EQ(Samples(), 1);
}

TEST_F(ImporterTest, StudiesThatAreGoneAreNotTrainedWithUntilTheyAreBack) {
  for (const int number : {1, 2, 3}) Write(number);
  const auto library = Open({.roles = {.validation_patients = 0}});
  library->Import(images_);
  const CaseId id = CaseOf(*library, "AW-002").id;
  fs::rename(images_ / "2", folder_ / "elsewhere");
  const std::int64_t generation = library->Generation();
  EXPECT_THAT(library->Import(images_).gone, ElementsAre(id));
  EXPECT_GT(library->Generation(), generation);
  EXPECT_EQ(library->Counts(), (CaseCounts{2}));
  EXPECT_EQ(library->Patients(), (LibraryPatients{2, 0}));
  EXPECT_FALSE(library->Find(id)->present);
  EXPECT_THAT(library->Find(id)->Note(), HasSubstr("no longer there"));
  EXPECT_EQ(library->Prepared(CaseRole::kTraining, {}).samples.size(), 2U);
  EXPECT_TRUE(library->Import(images_).gone.empty()) << "said once";
  fs::rename(folder_ / "elsewhere", images_ / "2");
  EXPECT_EQ(library->Import(images_).known, 3);
  EXPECT_EQ(library->Counts(), (CaseCounts{3}));
}

// The images under two patient numbers, as when a study was made pseudonymous twice: whose they are nobody can tell,
// and a patient must not count twice.
TEST_F(ImporterTest, TheSameImagesUnderAnotherPatientAreQuarantined) {
  Write(1);
  SmallStudy again = MakeSmallStudy(1);
  again.pet.patient = again.ct.patient = "ZZ-901";
  again.contour.source.patient_id = PatientText("ZZ-901");
  WriteSmallStudy(images_ / "again", again);
  Write(2);
  const auto library = Open();
  const ImportReport report = library->Import(images_);
  EXPECT_EQ(library->Counts().all(), 1);
  EXPECT_EQ(report.Quality().quarantined, 2);
  for (const StudyRecord& study : report.studies) {
    if (study.used) continue;
    EXPECT_THAT(study.fault.words, testing::AnyOf(HasSubstr("slices of different patients in one series"),
                                                  HasSubstr("whose they are cannot be told")));
  }
}

// A contour that is only written anew, or a study whose images changed, is no new version.
TEST_F(ImporterTest, TheSameContourStaysOneVersion) {
  const fs::path study = Write(1);
  const auto library = Open();
  library->Import(images_);
  const CaseId id = CaseOf(*library, "AW-001").id;
  const fs::path contour = study / "RTSTRUCT.dcm";
  fs::last_write_time(contour, fs::last_write_time(contour) + std::chrono::seconds(90));
  EXPECT_THAT(library->Import(images_).changed, ElementsAre(id));
  EXPECT_EQ(library->Labels(id).size(), 1U);
}

// An import of another folder says nothing of this one.
TEST_F(ImporterTest, AnotherFolderLeavesTheFirstAlone) {
  Write(1);
  WriteSmallStudy(folder_ / "images too" / "2", MakeSmallStudy(2));
  const auto library = Open();
  library->Import(images_);
  EXPECT_TRUE(library->Import(folder_ / "images too").gone.empty());
  EXPECT_EQ(library->Quality().studies, 2);
  EXPECT_EQ(library->Counts().all(), 2);
}

TEST_F(ImporterTest, AChangedContourIsANewVersionAndTheOldOneStays) {
  const fs::path study = Write(1);
  const auto library = Open();
  library->Import(images_);
  const CaseId id = CaseOf(*library, "AW-001").id;
  const std::int64_t before = library->Images(id).reference->CountNonZero();
  library->Prepared(id, {});
  Redraw(study, 1);
  EXPECT_THAT(library->Import(images_).changed, ElementsAre(id));
  EXPECT_EQ(Samples(), 0) << "of the old label";
  const std::vector<LabelVersion> labels = library->Labels(id);
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].version, 2);
  EXPECT_TRUE(labels[0].in_use);
  EXPECT_FALSE(labels[1].in_use);
  EXPECT_EQ(labels[0].kind, LabelKind::kRtStruct);
  EXPECT_EQ(labels[0].place, study / "RTSTRUCT.dcm");
  EXPECT_EQ(library->Images(id).reference->CountNonZero(), before / 2);
  library->UseLabel(id, 1);
  EXPECT_EQ(library->Images(id).reference->CountNonZero(), before) << "its file was kept";
  EXPECT_EQ(library->Import(images_).known, 1);
  EXPECT_EQ(library->Labels(id).size(), 2U);
  EXPECT_TRUE(library->Labels(id)[1].in_use) << "an import does not undo a choice";
}

TEST_F(ImporterTest, AListGivesRolesAndIsReadByEveryImport) {
  for (const int number : {1, 2, 3}) Write(number);
  WriteFileBytes(folder_ / "roles.csv", "AW-001,test\nAW-002,review\nAW-003,validation\n");
  const auto library = Open({.roles_file = folder_ / "roles.csv"});
  library->Import(images_);
  EXPECT_EQ(library->Counts(), (CaseCounts{0, 1, 0, 1, 1}));
  WriteFileBytes(folder_ / "roles.csv", "AW-001,training\n");
  EXPECT_THAT(ErrorOf([&] { library->Import(images_); }).what(), HasSubstr("another role"));
  EXPECT_EQ(CaseOf(*library, "AW-001").role, CaseRole::kTest);
}

class TestPatientsTest : public ImporterTest {
 protected:
  TestPatientsTest() {
    Write(1);
    Write(2);
    WriteFileBytes(folder_ / "roles.csv", "AW-001,test\nAW-002,training\n");
    library_ = Open({.roles_file = folder_ / "roles.csv"});
    library_->Import(images_);
    id_ = CaseOf(*library_, "AW-001").id;
  }
  void ExpectLocked(const std::string& why) {
    const auto refused = [&](const auto& read) {
      const Error error = ErrorOf(read);
      EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
      EXPECT_EQ(std::string(error.what()), id_.text() + " is a test patient's and cannot be read yet: " + why);
    };
    refused([&] { library_->Images(id_); });
    refused([&] { library_->Prepared(id_, {}); });
    refused([&] { library_->Prepared(CaseRole::kTest, {}); });
    EXPECT_EQ(library_->TestLocked(), why);
    EXPECT_EQ(library_->Prepared(CaseRole::kTraining, {}).samples.size(), 1U) << "the others are not locked";
  }
  void ExpectOpen() {
    EXPECT_EQ(library_->TestLocked(), std::nullopt);
    EXPECT_TRUE(library_->Images(id_).reference);
    EXPECT_EQ(library_->Prepared(CaseRole::kTest, {}).samples.size(), 1U);
  }

  std::unique_ptr<CaseLibrary> library_;
  CaseId id_;
};

TEST_F(TestPatientsTest, AreReadOnlyAfterARunHasEnded) {
  ExpectLocked("no run has ended at this hospital");
  library_->RunHasEnded(RunId("another"));  // one that was never going on here
  ExpectLocked("no run has ended at this hospital");
  library_->RunIsActive(RunId("first"));
  ExpectLocked("run first has not ended");
  library_->RunHasEnded(RunId("first"));
  ExpectOpen();
  library_->RunIsActive(RunId("second"));
  ExpectLocked("run second has not ended");
  library_ = Open();  // after a restart
  ExpectLocked("run second has not ended");
  library_->RunHasEnded(RunId("second"));
  ExpectOpen();
}

}  // namespace
}  // namespace consilium
