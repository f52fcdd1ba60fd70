// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imaging/dicom/seg_writer.h"
#include "imaging/prepare/nifti.h"
#include "site-node/library/case_library.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// One imported study; labels are given by hand.
class CaseLabelsTest : public testing::Test {
 protected:
  CaseLabelsTest() {
    WriteSmallStudy(images_, study_);
    fs::create_directories(folder_ / "site");
    library_ = std::make_unique<CaseLibrary>(folder_ / "site", LibraryOptions{.roles = {.validation_patients = 0}},
                                             Device(), clock_);
    library_->Import(images_);
    id_ = library_->Cases().front().id;
  }
  // A contour on one slice only.
  fs::path SmallContour(const std::string& patient = "AW-001") {
    RtStruct contour = study_.contour;
    contour.source.patient_id = PatientText(patient);
    contour.rois[0].contours.pop_back();
    contour.file = folder_ / ("contour of " + patient + ".dcm");
    WriteRtStruct(contour, study_.uid());
    return contour.file;
  }
  std::int64_t Voxels() { return library_->Images(id_).reference->CountNonZero(); }
  std::int64_t Samples() const { return std::distance(fs::directory_iterator(folder_ / "site/samples"), {}); }

  TemporaryFolder folder_;
  const fs::path images_ = folder_ / "images";
  const SmallStudy study_ = MakeSmallStudy(1);
  FakeClock clock_;
  std::unique_ptr<CaseLibrary> library_;
  CaseId id_;
};

TEST_F(CaseLabelsTest, TheNewestWithConsentIsInUse) {
  clock_.Advance(std::chrono::hours(24));
  EXPECT_EQ(library_->AddLabel(id_, {SmallContour(), "Dr Lee", "", true}), 2);
  std::vector<LabelVersion> labels = library_->Labels(id_);
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].author, "Dr Lee");
  EXPECT_EQ(ToIso8601(labels[0].added), "2026-03-03T14:00:00.000Z");
  EXPECT_TRUE(labels[0].in_use && !labels[1].in_use);
  EXPECT_EQ(labels[1].author, "");
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels / 2);

  EXPECT_EQ(library_->AddLabel(id_, {images_ / "RTSTRUCT.dcm", "Dr Ray", "5f0c", false}), 3);
  labels = library_->Labels(id_);
  EXPECT_FALSE(labels[0].training || labels[0].in_use);
  EXPECT_EQ(labels[0].model, "5f0c");
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels / 2) << "no consent to train with the newest";
}

TEST_F(CaseLabelsTest, AnyVersionMayBeChosen) {
  library_->AddLabel(id_, {SmallContour(), "Dr Lee", "", true});
  library_->UseLabel(id_, 1);
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels);
  library_->AddLabel(id_, {SmallContour(), "Dr Lee", "", true});
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels / 2) << "given after the choice";
  EXPECT_THAT(ErrorOf([&] { library_->UseLabel(id_, 9); }).what(), HasSubstr("has no label of version 9"));
}

TEST_F(CaseLabelsTest, ConsentThatIsTakenBackTakesTheSamplesWithIt) {
  library_->AddLabel(id_, {SmallContour(), "Dr Lee", "", true});
  library_->Prepared(id_, {});
  ASSERT_EQ(Samples(), 1);
  const std::int64_t generation = library_->Generation();
  library_->WithdrawLabel(id_, 2);
  EXPECT_EQ(Samples(), 0);
  EXPECT_GT(library_->Generation(), generation) << "a running service prepares its patients anew";
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels) << "the one before it";
  library_->WithdrawLabel(id_, 1);
  EXPECT_FALSE(library_->Images(id_).reference);
  EXPECT_TRUE(library_->Prepared(CaseRole::kTraining, {}).samples.empty());
  EXPECT_EQ(library_->Counts().unlabelled, 1);
  EXPECT_EQ(library_->Cases().front().Note(), "no label may be used for training");
  EXPECT_THAT(ErrorOf([&] { library_->UseLabel(id_, 1); }).what(), HasSubstr("there is no consent to train with it"));
  const ImportReport again = library_->Import(images_);
  EXPECT_EQ(again.known, 1) << "an import does not bring it back";
  EXPECT_EQ(again.no_label.at("no label may be used for training"), 1);
  EXPECT_EQ(library_->Counts().unlabelled, 1);
}

TEST_F(CaseLabelsTest, ASegAndANiftiAreLabelsToo) {
  const CaseImages images = library_->Images(id_);
  LabelMap map = *images.reference;
  std::fill(map.voxels.begin(), map.voxels.end(), std::uint8_t{0});
  map.voxels[100] = map.voxels[101] = 1;
  WriteSeg(folder_ / "seg.dcm", images.pet_series, map, {.algorithm_version = "9", .model_digest = DigestOf("m")});
  LabelGiven given{folder_ / "seg.dcm", "Dr Lee", "", true};
  EXPECT_THAT(ErrorOf([&] { library_->AddLabel(id_, given); }).what(), HasSubstr("program"));
  given.automatic = true;
  library_->AddLabel(id_, given);
  EXPECT_EQ(library_->Labels(id_)[0].kind, LabelKind::kSeg);
  EXPECT_EQ(Voxels(), 2) << "read again, it is not asked again";
  map.voxels[102] = 1;
  WriteNifti(folder_ / "mask.nii.gz", map);
  library_->AddLabel(id_, {folder_ / "mask.nii.gz", "Dr Lee", "", true});
  EXPECT_EQ(library_->Labels(id_)[0].kind, LabelKind::kNifti);
  EXPECT_EQ(Voxels(), 3);
  EXPECT_EQ(library_->Import(images_).known, 1);
  std::fill(map.voxels.begin(), map.voxels.end(), std::uint8_t{0});
  WriteNifti(folder_ / "empty.nii", map);
  EXPECT_THAT(ErrorOf([&] {
                library_->AddLabel(id_, {folder_ / "empty.nii", "Dr Lee", "", true});
              }).what(),
              HasSubstr("marks no voxel"));
}

TEST_F(CaseLabelsTest, WhatIsNoLabelOfThisCaseIsRefused) {
  EXPECT_THAT(ErrorOf([&] {
                library_->AddLabel(id_, {SmallContour("AW-002"), "Dr Lee", "", true});
              }).what(),
              HasSubstr("patient"));
  EXPECT_EQ(ErrorOf([&] {
              library_->AddLabel(id_, {images_ / "CT" / "001.dcm", "Dr Lee", "", true});
            }).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(ErrorOf([&] {
              library_->AddLabel(CaseId("case-none"), {SmallContour(), "Dr Lee", "", true});
            }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(library_->Labels(id_).size(), 1U);
}

}  // namespace
}  // namespace consilium
