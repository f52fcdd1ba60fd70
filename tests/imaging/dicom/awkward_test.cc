// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// One folder with more than sixty awkward studies: each is used exactly, or refused with its reason, and stops no
// other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/study_finder.h"
#include "tests/support/awkward_studies.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::Contains;
using testing::HasSubstr;

class AwkwardTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder();
    studies_ = new std::vector<AwkwardStudy>(WriteAwkwardStudies(*folder_ / "images"));
    scan_ = new CaseScan(FindCases(*folder_ / "images"));
  }
  static void TearDownTestSuite() {
    delete scan_;
    delete studies_;
    delete folder_;
  }

  static std::vector<const PatientCase*> CasesOf(const AwkwardStudy& study) {
    std::vector<const PatientCase*> cases;
    for (const PatientCase& one : scan_->cases)
      if (one.pet.info.study_uid.Reveal() == study.uid) cases.push_back(&one);
    return cases;
  }
  // What was said of a study, "reason: words" each; a file of which nobody can say whose it is lies in its place.
  static std::vector<std::string> Said(const std::vector<RejectedSeries>& items, const AwkwardStudy& study) {
    std::vector<std::string> said;
    for (const RejectedSeries& item : items)
      if (item.study_uid.empty() ? item.place.string().starts_with(study.place.string())
                                 : item.study_uid.Reveal() == study.uid)
        said.push_back(std::string(Name(item.fault.reason)) + ": " + item.fault.words);
    return said;
  }

  static TemporaryFolder* folder_;
  static std::vector<AwkwardStudy>* studies_;
  static CaseScan* scan_;
};
TemporaryFolder* AwkwardTest::folder_ = nullptr;
std::vector<AwkwardStudy>* AwkwardTest::studies_ = nullptr;
CaseScan* AwkwardTest::scan_ = nullptr;

// The fewest differences to any of several series that would be right.
std::int64_t Different(const Series& series, const std::vector<WrittenSeries>& written) {
  const Volume volume = ToVolume(series, SeriesKey("k"));
  std::int64_t fewest = volume.geometry.size.count();
  for (const WrittenSeries& one : written) fewest = std::min(fewest, DifferentVoxels(volume, one));
  return fewest;
}

TEST_F(AwkwardTest, ThereAreAtLeastForty) {
  std::map<std::string, int> names, uids;
  for (const AwkwardStudy& study : *studies_) {
    ++names[study.name];
    ++uids[study.uid];
  }
  EXPECT_GE(studies_->size(), 40U);
  EXPECT_EQ(names.size(), studies_->size());
  EXPECT_EQ(uids.size(), studies_->size());
}

TEST_F(AwkwardTest, WhatCanBeAVolumeIsOneExactly) {
  for (const AwkwardStudy& study : *studies_) {
    if (!study.used()) continue;
    SCOPED_TRACE(study.name + ": " + study.story);
    const auto cases = CasesOf(study);
    EXPECT_EQ(cases.size(), study.pet.size()) << testing::PrintToString(Said(scan_->rejected, study));
    for (const PatientCase* one : cases) {
      EXPECT_EQ(Different(one->pet, study.pet), 0);
      EXPECT_EQ(Different(one->ct, study.ct), 0);
    }
  }
}

TEST_F(AwkwardTest, WhatWasDoneToMakeItOneIsSaid) {
  for (const AwkwardStudy& study : *studies_) {
    SCOPED_TRACE(study.name + ": " + study.story);
    std::vector<std::string> notes;
    for (const PatientCase* one : CasesOf(study)) {
      notes.insert(notes.end(), one->pet.notes.begin(), one->pet.notes.end());
      notes.insert(notes.end(), one->ct.notes.begin(), one->ct.notes.end());
    }
    for (const std::string& words : study.notes) EXPECT_THAT(notes, Contains(HasSubstr(words)));
    if (study.notes.empty()) {
      EXPECT_TRUE(notes.empty()) << testing::PrintToString(notes);
    }
  }
}

TEST_F(AwkwardTest, WhatIsLeftOutIsSaid) {
  for (const AwkwardStudy& study : *studies_) {
    SCOPED_TRACE(study.name + ": " + study.story);
    const auto said = Said(scan_->left_out, study);
    for (const std::string& words : study.left_out) EXPECT_THAT(said, Contains(HasSubstr(words)));
    if (study.left_out.empty()) {
      EXPECT_TRUE(said.empty()) << testing::PrintToString(said);
    }
  }
}

// Also a study without any image, and one that is only a part of a folder.
TEST_F(AwkwardTest, EveryStudyIsSeenAndEndsWithACaseOrAReason) {
  std::map<std::string, int> seen;
  for (const StudySeen& study : scan_->studies) ++seen[study.study_uid.Reveal()];
  EXPECT_EQ(seen.size(), studies_->size() + 1) << "the contour of another patient is of another study";
  for (const AwkwardStudy& study : *studies_) {
    SCOPED_TRACE(study.name + ": " + study.story);
    EXPECT_EQ(seen[study.uid], 1);
    EXPECT_TRUE(!CasesOf(study).empty() || !Said(scan_->rejected, study).empty());
  }
}

TEST_F(AwkwardTest, WhatCannotSaysWhy) {
  for (const AwkwardStudy& study : *studies_) {
    if (study.used()) continue;
    SCOPED_TRACE(study.name + ": " + study.story);
    EXPECT_TRUE(CasesOf(study).empty());
    EXPECT_THAT(
        Said(scan_->rejected, study),
        Contains(testing::AllOf(testing::StartsWith(std::string(Name(*study.reason)) + ": "), HasSubstr(study.words))));
  }
}

TEST_F(AwkwardTest, LabelsAreThoseOfThePatient) {
  for (const AwkwardStudy& study : *studies_) {
    SCOPED_TRACE(study.name + ": " + study.story);
    for (const PatientCase* one : CasesOf(study)) {
      if (!study.labelled) {
        EXPECT_THAT(one->no_contour, HasSubstr(study.no_label_words));
        continue;
      }
      ASSERT_TRUE(one->contour) << one->no_contour;
      EXPECT_EQ(ReadLabel(*one->contour, one->pet, {}).CountNonZero(), SmallStudy::kContourVoxels);
    }
  }
}

// Whether a scan by a user without rights names the closed folder and finds what lies beside it.
bool NamesTheClosedFolder(const std::filesystem::path& images) {
  if (::geteuid() == 0 && ::setuid(65534) != 0) return false;  // root may read everything
  const SeriesScan scan = ScanFolder(images);
  for (const RejectedSeries& one : scan.rejected) std::fprintf(stderr, "%s\n", one.fault.words.c_str());
  return scan.usable.size() == 2 && scan.rejected.size() == 1 && scan.rejected[0].place == images / "closed" &&
         scan.rejected[0].fault.reason == QuarantineReason::kNotReadable;
}

TEST(FolderWithoutRights, IsNamedAndStopsNoOther) {
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  WriteSmallStudy(folder / "images/open", MakeSmallStudy(1));
  WriteSmallStudy(folder / "images/closed", MakeSmallStudy(2));
  std::filesystem::permissions(folder / "images/closed", std::filesystem::perms::none);
  EXPECT_EXIT(std::exit(NamesTheClosedFolder(folder / "images") ? 0 : 1), testing::ExitedWithCode(0),
              "the folder cannot be listed: Permission denied");
  std::filesystem::permissions(folder / "images/closed", std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace consilium
