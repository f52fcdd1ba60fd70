// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The import of a folder with some fifty awkward studies: every one is a case or quarantined with its reason.
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

  // The one case of a study, or nothing.
  static std::optional<CaseRecord> CaseOf(const AwkwardStudy& study) {
    std::optional<CaseRecord> found;
    for (CaseRecord& record : library().Cases()) {
      if (record.patient.Reveal() != study.patient) continue;
      EXPECT_FALSE(found) << study.name << " gave two cases";
      found = std::move(record);
    }
    return found;
  }
  static std::int64_t Used() {
    return std::count_if(studies().begin(), studies().end(), [](const AwkwardStudy& study) { return study.used(); });
  }
  static std::vector<Finding> Rejected() {
    std::vector<Finding> rejected;
    for (const StudyRecord& study : library().Studies())
      for (const Finding& finding : study.findings)
        if (finding.kind == FindingKind::kRejected) rejected.push_back(finding);
    return rejected;
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
  ASSERT_EQ(images.reference.has_value(), study.labelled) << record.Note();
  if (study.labelled) {
    EXPECT_EQ(images.reference->CountNonZero(), SmallStudy::kContourVoxels);
    EXPECT_TRUE(record.labelled);
  } else {
    EXPECT_FALSE(record.labelled) << "never trained or measured with";
    EXPECT_THAT(record.Note(), HasSubstr(study.no_label_words));
  }
}

TEST_F(AwkwardImportTest, EveryUsableStudyIsACase) {
  EXPECT_EQ(shared_->report.added, Used());
  EXPECT_EQ(std::ssize(library().Cases()), Used());
  for (const AwkwardStudy& study : studies()) {
    SCOPED_TRACE(study.name + ": " + study.story);
    const auto record = CaseOf(study);
    EXPECT_EQ(record.has_value(), study.used());
    if (record && study.used()) ExpectAsWritten(library().Images(record->id), *record, study);
  }
}

TEST_F(AwkwardImportTest, EveryOtherStudyIsQuarantinedWithItsReason) {
  const std::vector<Finding> quarantined = Rejected();
  for (const AwkwardStudy& study : studies()) {
    if (study.used()) continue;
    SCOPED_TRACE(study.name + ": " + study.story);
    EXPECT_TRUE(std::any_of(quarantined.begin(), quarantined.end(), [&](const Finding& item) {
      return item.place.string().starts_with(study.place.string()) &&
             item.fault.words.find(study.words) != std::string::npos;
    }));
  }
}

TEST_F(AwkwardImportTest, ASecondImportChangesNothing) {
  const auto words = [] {
    std::vector<std::string> all;
    for (const CaseRecord& record : library().Cases())
      all.push_back(record.id.text() + " " + std::string(Name(record.role)) + " " + record.Note());
    for (const Finding& item : Rejected()) all.push_back(item.place.string() + " " + item.fault.words);
    return all;
  };
  const auto before = words();
  const std::int64_t generation = library().Generation();
  const ImportReport again = library().Import(shared_->folder / "images");
  EXPECT_EQ(again.added, 0);
  EXPECT_TRUE(again.changed.empty());
  EXPECT_EQ(again.known, Used());
  EXPECT_EQ(words(), before);
  EXPECT_EQ(library().Generation(), generation);
}

}  // namespace
}  // namespace consilium
