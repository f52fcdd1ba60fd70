// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The import of a folder with more than sixty awkward studies: each is used or quarantined with its reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "site-node/library/case_library.h"
#include "tests/support/awkward_studies.h"
#include "tests/support/fake_clock.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::HasSubstr;

class AwkwardImportTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Shared();
    shared_->studies = WriteAwkwardStudies(shared_->folder / "images");
    std::filesystem::create_directories(shared_->folder / "site");
    LibraryOptions options;
    options.roles.test = 0;  // test patients could not be looked at
    shared_->library.emplace(shared_->folder / "site", options, Device(), shared_->clock);
    shared_->report = shared_->library->Import(shared_->folder / "images");
  }
  static void TearDownTestSuite() { delete shared_; }

  static std::vector<CaseRecord> CasesOf(const AwkwardStudy& study) {
    std::vector<CaseRecord> found;
    for (CaseRecord& record : library().Cases())
      if (record.patient.Reveal() == study.patient) found.push_back(std::move(record));
    return found;
  }
  // What the library says of a study. One without a patient's number is told by its folder.
  static std::optional<StudyRecord> RecordOf(const AwkwardStudy& study) {
    for (StudyRecord& record : library().Studies()) {
      if (record.patient.Reveal() != study.patient) continue;
      if (!study.patient.empty() || record.place.string().starts_with(study.place.string())) return std::move(record);
    }
    return std::nullopt;
  }
  // Every PET volume of a used study is a case.
  static std::int64_t AllCases() {
    std::int64_t cases = 0;
    for (const AwkwardStudy& study : studies()) cases += std::ssize(study.pet);
    return cases;
  }
  static CaseLibrary& library() { return *shared_->library; }
  static const std::vector<AwkwardStudy>& studies() { return shared_->studies; }

  struct Shared {
    TemporaryFolder folder;
    FakeClock clock;
    std::vector<AwkwardStudy> studies;
    std::optional<CaseLibrary> library;
    ImportReport report;
  };
  static Shared* shared_;
};
AwkwardImportTest::Shared* AwkwardImportTest::shared_ = nullptr;

// The fewest differences to any of several series that would be right.
std::int64_t Different(const Volume& volume, const std::vector<WrittenSeries>& written) {
  std::int64_t fewest = volume.geometry.size.count();
  for (const WrittenSeries& one : written) fewest = std::min(fewest, DifferentVoxels(volume, one));
  return fewest;
}

void ExpectAsWritten(const CaseImages& images, const CaseRecord& record, const AwkwardStudy& study) {
  EXPECT_EQ(Different(images.pet, study.pet), 0);
  EXPECT_EQ(Different(images.ct, study.ct), 0);
  EXPECT_EQ(record.labelled, study.labelled);
  ASSERT_EQ(images.reference.has_value(), study.labelled) << record.no_label;
  if (study.labelled) {
    EXPECT_EQ(images.reference->CountNonZero(), SmallStudy::kContourVoxels);
  } else {
    EXPECT_THAT(record.no_label, HasSubstr(study.no_label_words));
  }
}

TEST_F(AwkwardImportTest, EveryUsableStudyIsACase) {
  EXPECT_EQ(shared_->report.added, AllCases());
  EXPECT_EQ(std::ssize(library().Cases()), AllCases());
  for (const AwkwardStudy& study : studies()) {
    SCOPED_TRACE(study.name + ": " + study.story);
    const auto cases = CasesOf(study);
    EXPECT_EQ(cases.size(), study.pet.size());
    if (!study.used()) continue;
    for (const CaseRecord& record : cases) ExpectAsWritten(library().Images(record.id), record, study);
  }
}

TEST_F(AwkwardImportTest, EveryStudyEndsAsUsedOrQuarantinedWithItsReason) {
  for (const AwkwardStudy& study : studies()) {
    SCOPED_TRACE(study.name + ": " + study.story);
    const auto record = RecordOf(study);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->used, study.used()) << record->fault.words;
    if (study.used() || record->used) continue;
    EXPECT_EQ(Name(record->fault.reason), Name(*study.reason));
    EXPECT_THAT(record->fault.words, HasSubstr(study.words));
  }
  EXPECT_GE(library().Quality().studies, std::ssize(studies()));
}

// What was done to make a volume, and what was left out, is there for people to see.
TEST_F(AwkwardImportTest, NotesAndWhatWasLeftOutAreKept) {
  for (const AwkwardStudy& study : studies()) {
    if (!study.used()) continue;
    SCOPED_TRACE(study.name + ": " + study.story);
    const auto record = RecordOf(study);
    ASSERT_TRUE(record);
    const auto has = [&](FindingKind kind, const std::string& words) {
      return std::any_of(record->findings.begin(), record->findings.end(), [&](const Finding& finding) {
        return finding.kind == kind && finding.fault.words.find(words) != std::string::npos;
      });
    };
    for (const std::string& words : study.notes) EXPECT_TRUE(has(FindingKind::kNote, words)) << words;
    for (const std::string& words : study.left_out) EXPECT_TRUE(has(FindingKind::kLeftOut, words)) << words;
  }
}

TEST_F(AwkwardImportTest, ASecondImportChangesNothing) {
  const auto words = [] {
    std::vector<std::string> all;
    for (const CaseRecord& record : library().Cases())
      all.push_back(record.id.text() + " " + std::string(Name(record.role)) + " " + record.no_label);
    for (const StudyRecord& study : library().Studies())
      all.push_back(study.id.text() + " " + std::to_string(study.used) + " " + study.fault.words + " " +
                    std::to_string(study.findings.size()));
    return all;
  };
  const auto before = words();
  const std::int64_t generation = library().Generation();
  const ImportReport again = library().Import(shared_->folder / "images");
  EXPECT_EQ(again.added, 0);
  EXPECT_TRUE(again.changed.empty());
  EXPECT_EQ(again.known, AllCases());
  EXPECT_EQ(words(), before);
  EXPECT_EQ(library().Generation(), generation);
}

}  // namespace
}  // namespace consilium
