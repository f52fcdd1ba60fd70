// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "imaging/dicom/seg_writer.h"
#include "imaging/prepare/nifti.h"
#include "site-node/library/case_library.h"
#include "tests/site-node/error_of.h"
#include "tests/support/dicom_files.h"
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

  RtStruct other = study_.contour;
  other.rois[0].contours.erase(other.rois[0].contours.begin());
  other.file = folder_ / "other.dcm";
  WriteRtStruct(other, study_.uid());
  EXPECT_EQ(library_->AddLabel(id_, {other.file, "Dr Ray", "5f0c", false}), 3);
  labels = library_->Labels(id_);
  EXPECT_FALSE(labels[0].training || labels[0].in_use);
  EXPECT_EQ(labels[0].model, "5f0c");
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels / 2) << "no consent to train with the newest";
}

TEST_F(CaseLabelsTest, AnyVersionMayBeChosen) {
  library_->AddLabel(id_, {SmallContour(), "Dr Lee", "", true});
  library_->UseLabel(id_, 1);
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels);
  const fs::path second = SmallContour();
  EditDicomFile(second, {{{0x00080018}, "1.2.3.4.5"}});
  library_->AddLabel(id_, {second, "Dr Lee", "", true});
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

TEST_F(CaseLabelsTest, TheSameFileIsNoVersionTwice) {
  const LabelGiven given{SmallContour(), "Dr Lee", "", true};
  ASSERT_EQ(library_->AddLabel(id_, given), 2);
  const Error twice = ErrorOf([&] { library_->AddLabel(id_, given); });
  EXPECT_EQ(twice.code(), ErrorCode::kAlreadyExists);
  EXPECT_THAT(twice.what(), HasSubstr("this file is version 2 of the label of " + id_.text() + " already"));
  EXPECT_THAT(twice.next_step(), HasSubstr("consilium-site label list " + id_.text()));
  fs::copy_file(images_ / "RTSTRUCT.dcm", folder_ / "a copy.dcm");
  EXPECT_THAT(ErrorOf([&] {
                library_->AddLabel(id_, {folder_ / "a copy.dcm", "Dr Lee", "", true});
              }).what(),
              HasSubstr("is version 1"));
  library_->WithdrawLabel(id_, 2);
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels);
  EXPECT_EQ(library_->AddLabel(id_, given), 3) << "consent is given anew, by somebody with a name";
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels / 2);
  library_->WithdrawLabel(id_, 2);
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels) << "whichever of the two is named";
}

// As libraries made before hold them: the same drawing several times, in two cases.
TEST_F(CaseLabelsTest, ConsentIsTakenBackFromAllCopies) {
  const fs::path file = SmallContour();
  library_->AddLabel(id_, {file, "Dr Lee", "", true});
  WriteSmallStudy(images_ / "2", MakeSmallStudy(2));
  library_->Import(images_);
  const CaseId other = library_->Cases().back().id;
  ASSERT_NE(other, id_);
  CaseStore store(folder_ / "site/library.sqlite", clock_);
  LabelVersion twin = store.Labels(id_).front();
  twin.version = 7;
  for (const CaseId& id : {id_, other}) {
    CaseEntry entry;
    entry.id = id;
    entry.study = store.Find(id)->study;
    entry.patient = store.Find(id)->patient;
    entry.pet = store.Files(id, "pet");
    entry.ct = store.Files(id, "ct");
    const std::vector<StudyRecord> studies = store.Studies();
    const auto study = std::ranges::find(studies, entry.study, &StudyRecord::id);
    ASSERT_NE(study, studies.end());
    store.Write(entry, *study, std::vector{twin});
  }
  ASSERT_EQ(Voxels(), SmallStudy::kContourVoxels / 2);
  library_->WithdrawLabel(id_, 2);
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels) << "version 7 is the same drawing";
  for (const CaseId& id : {id_, other})
    for (const LabelVersion& label : library_->Labels(id)) EXPECT_EQ(label.training, label.digest != twin.digest);
  fs::copy_file(file, images_ / "RTSTRUCT.dcm", fs::copy_options::overwrite_existing);
  library_->Import(images_);
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels) << "an import does not bring it back";
}

TEST_F(CaseLabelsTest, ADamagedLabelIsRefusedAndNeverTrains) {
  const fs::path given = SmallContour();
  library_->AddLabel(id_, {given, "Dr Lee", "", true});
  const auto kept = [&](std::size_t at) {
    return folder_ / ("site/labels/" + library_->Labels(id_).at(at).digest.Hex() + ".dcm");
  };
  std::string bytes = ReadFileBytes(kept(0));
  const std::size_t name = bytes.find("GTV_1");
  bytes[name + 4] = '2';  // still an RTSTRUCT, and as long
  WriteFileBytes(kept(0), bytes);
  const Error damaged = ErrorOf([&] { library_->Images(id_); });
  EXPECT_EQ(damaged.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(damaged.what(), HasSubstr("the library's copy of this label is damaged: " + kept(0).string()));
  EXPECT_TRUE(library_->Prepared(CaseRole::kTraining, {}).samples.empty());

  const ImportReport report = library_->Import(images_);
  ASSERT_EQ(report.Rejected().size(), 1U);
  EXPECT_EQ(report.Rejected()[0].fault.reason, QuarantineReason::kLabel);
  EXPECT_THAT(library_->Labels(id_)[0].trouble, HasSubstr("is damaged"));
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels) << "the one before it";
  EXPECT_EQ(library_->AddLabel(id_, {given, "Dr Lee", "", true}), 2) << "given again it is whole";
  EXPECT_EQ(Voxels(), SmallStudy::kContourVoxels / 2);

  fs::remove(kept(1));
  const auto rejected = library_->Import(images_).Rejected();
  EXPECT_TRUE(rejected.empty()) << rejected.front().fault.words;
  EXPECT_TRUE(fs::exists(kept(1)));
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
