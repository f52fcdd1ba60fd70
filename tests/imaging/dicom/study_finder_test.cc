// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/study_finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "imaging/dicom/pseudonym.h"
#include "tests/support/dicom_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

class StudyFinderTest : public testing::Test {
 protected:
  SeriesFiles Files(const std::string& patient, Modality modality) {
    SeriesFiles files;
    files.modality = modality;
    files.patient = patient;
    files.frame = "1.2.9." + patient;
    files.study = "1.2.8." + patient;
    files.series = files.study + (modality == Modality::kPet ? ".1" : ".2");
    return files;
  }
  // PET and CT of one patient, in folders of any name.
  void WritePatient(const std::string& patient) {
    WriteSeries(folder_.path() / patient / "x", Files(patient, Modality::kPet));
    WriteSeries(folder_.path() / patient / "y/z", Files(patient, Modality::kCt));
  }
  fs::path WriteContour(const std::string& patient, const std::string& file, const std::string& roi, bool refers_to_pet,
                        const std::string& frame = {}) {
    RtStruct s;
    s.file = folder_.path() / patient / file;
    s.source.patient_id = PatientText(patient);
    s.source.frames_of_reference = {PatientText(frame.empty() ? "1.2.9." + patient : frame)};
    s.source.series_uids = {PatientText("1.2.8." + patient + (refers_to_pet ? ".1" : ".2"))};
    s.rois = {{roi, {{{-9, 21, -22}, {-1, 21, -22}, {-1, 33, -22}, {-9, 33, -22}}}}};
    WriteRtStruct(s);
    return s.file;
  }
  TemporaryFolder folder_;
};

TEST_F(StudyFinderTest, OneBadStudyNeverStopsTheOthers) {
  for (const char* patient : {"11", "12", "13", "14", "15"}) WritePatient(patient);
  const auto a = WriteContour("11", "rt.dcm", "GTV_1", true);
  const auto bad_slice = folder_.path() / "12/x/002.dcm";
  WriteFileBytes(bad_slice, ReadFileBytes(bad_slice).substr(0, fs::file_size(bad_slice) - 20));
  fs::remove(folder_.path() / "13/y/z/001.dcm");
  const auto bad_contour = WriteContour("14", "rt.dcm", "GTV", true);
  EditDicomFile(bad_contour, {{{0x30060039, 0x30060040, 0x30060050}, "1\\2"}});
  WriteContour("15", "rt.dcm", "Heart", true);

  const CaseScan scan = FindCases(folder_.path());
  ASSERT_EQ(scan.cases.size(), 3u);
  EXPECT_EQ(scan.cases[0].pet.info.patient_id.Reveal(), "11");
  EXPECT_EQ(scan.cases[0].ct.modality, Modality::kCt);
  EXPECT_EQ(scan.cases[0].contour, a);
  EXPECT_TRUE(scan.cases[0].no_contour.empty());
  EXPECT_FALSE(scan.cases[1].contour);
  EXPECT_EQ(scan.cases[1].no_contour, "no contour (RTSTRUCT) of this patient");
  EXPECT_EQ(scan.cases[2].no_contour, "no contour named like GTV*,Tumour*,Tumor* among those of the PET");
  EXPECT_EQ(scan.cases[2].names_there.Reveal(), "Heart");

  const std::vector<std::pair<fs::path, std::string>> expected = {
      {bad_slice, "not readable: the file ends inside"},
      {folder_.path() / "13/y/z", "missing slices: largest gap 8.0 mm"},
      {bad_contour, "ContourData (3006,0050) does not hold points"},
      {folder_.path() / "13/x", "PET without a usable CT of the same patient and frame of reference"},
      {folder_.path() / "15", "no PET, CT or MR images"}};  // the contour is a study of its own, of no use
  ASSERT_EQ(scan.rejected.size(), expected.size());
  for (const auto& [place, words] : expected) {
    bool found = false;
    for (const RejectedSeries& r : scan.rejected)
      found |= r.place == place && r.fault.words.find(words) != std::string::npos;
    EXPECT_TRUE(found) << place << ": " << words;
  }
}

// A study that gives no case says why, whatever it holds; one that does says nothing of its other series.
TEST_F(StudyFinderTest, EveryStudyEndsAsUsedOrWithAReason) {
  WritePatient("11");
  SeriesFiles mr_of_11 = Files("11", Modality::kMr);
  mr_of_11.series = "1.2.8.11.3";
  WriteSeries(folder_ / "11/mr", mr_of_11);
  WriteSeries(folder_ / "12", Files("12", Modality::kCt));
  WriteSeries(folder_ / "13", Files("13", Modality::kMr));
  WriteSeries(folder_ / "14", Files("14", Modality::kPet));
  WriteSeries(folder_ / "15/ct", Files("15", Modality::kCt));
  SeriesFiles mr = Files("15", Modality::kMr);
  mr.series = "1.2.8.15.3";
  WriteSeries(folder_ / "15/mr", mr);
  WriteContour("16", "rt.dcm", "GTV", true);
  EditDicomFile(folder_ / "16/rt.dcm", {{{0x0020000D}, "1.2.8.16"}, {{0x00080060}, "RTSTRUCT"}});
  WriteContour("17", "rt.dcm", "GTV", true);
  EditDicomFile(folder_ / "17/rt.dcm", {{{0x0020000D}, "1.2.8.17"}, {{0x30060039, 0x30060040, 0x30060050}, "1\\2"}});
  const CaseScan scan = FindCases(folder_.path());
  EXPECT_EQ(scan.cases.size(), 1u);
  EXPECT_EQ(scan.studies.size(), 7u);
  std::map<std::string, std::pair<QuarantineReason, std::string>> reasons;
  for (const RejectedSeries& bad : scan.rejected) {
    EXPECT_EQ(bad.study_uid.Reveal(), "1.2.8." + bad.patient_id.Reveal());
    reasons[bad.patient_id.Reveal()] = {bad.fault.reason, bad.fault.words};
  }
  EXPECT_EQ(scan.rejected.size(), reasons.size()) << "one reason a study";
  const auto expect = [&](const std::string& patient, QuarantineReason reason, const std::string& words) {
    EXPECT_EQ(reasons[patient].first, reason) << patient;
    EXPECT_NE(reasons[patient].second.find(words), std::string::npos) << patient << ": " << reasons[patient].second;
  };
  EXPECT_FALSE(reasons.contains("11"));
  expect("12", QuarantineReason::kNoPair, "CT without a PET of the same patient and frame of reference");
  expect("13", QuarantineReason::kNoPair, "MR alone: a case needs PET and CT");
  expect("14", QuarantineReason::kNoPair, "PET without a usable CT of the same patient and frame of reference");
  expect("15", QuarantineReason::kNoPair, "CT and MR without a PET: a case needs PET and CT");
  expect("16", QuarantineReason::kNoImages, "no PET, CT or MR images, only RTSTRUCT");
  expect("17", QuarantineReason::kLabel, "ContourData (3006,0050) does not hold points");
}

TEST_F(StudyFinderTest, TheBestOfSeveralContoursIsTaken) {
  WritePatient("21");
  const auto chosen = [&] { return FindCases(folder_.path()).cases.at(0).contour.value_or("none"); };
  WriteContour("21", "a.dcm", "Liver", true);
  WriteContour("21", "b.dcm", "GTV", false, "1.2.9.99");
  EXPECT_EQ(chosen(), "none");
  const auto frame = WriteContour("21", "m.dcm", "GTV", false);
  EXPECT_EQ(chosen(), frame);
  WriteContour("21", "n.dcm", "GTV", false);  // an equal one: the first by path stays
  EXPECT_EQ(chosen(), frame);
  const auto says_pet = WriteContour("21", "x.dcm", "GTV_PET", false);
  EXPECT_EQ(chosen(), says_pet);
  const auto refers = WriteContour("21", "y.dcm", "gtv", true);
  EXPECT_EQ(chosen(), refers);
  const auto both = WriteContour("21", "z.dcm", "GTV_PET", true);
  EXPECT_EQ(chosen(), both);
  FindOptions liver;
  liver.labels.front().patterns = "Liver";
  EXPECT_EQ(FindCases(folder_.path(), liver).cases.at(0).contour->filename(), "a.dcm");
}

TEST_F(StudyFinderTest, AnEmptyRegionDoesNotHideADrawnOne) {
  WritePatient("22");
  RtStruct empty = ReadRtStruct(WriteContour("22", "a.dcm", "GTV_PET", true));
  empty.rois[0].contours.clear();
  WriteRtStruct(empty);
  EXPECT_EQ(FindCases(folder_.path()).cases.at(0).contour, empty.file) << "alone it says that there is no tumour";
  const auto drawn = WriteContour("22", "b.dcm", "GTV", false);
  EXPECT_EQ(FindCases(folder_.path()).cases.at(0).contour, drawn);
}

TEST_F(StudyFinderTest, EachLabelIsTakenFromTheFileThatFits) {
  WritePatient("23");
  const auto liver = WriteContour("23", "liver on the PET.dcm", "Liver", true);
  const auto tumour = WriteContour("23", "tumour on the CT.dcm", "GTV", false);
  FindOptions find;
  find.labels.push_back({.code = {"10200004", "SCT", "Liver"}, .patterns = "Liver*"});
  find.labels.push_back({.code = {"64033007", "SCT", "Kidney"}, .patterns = "Kidney*"});
  PatientCase found = FindCases(folder_.path(), find).cases.at(0);
  EXPECT_EQ(found.contour, tumour);
  EXPECT_EQ(found.other_contours, std::vector{liver});
  EXPECT_TRUE(found.no_contour.empty());
  fs::remove(tumour);
  found = FindCases(folder_.path(), find).cases.at(0);
  EXPECT_FALSE(found.contour);
  EXPECT_EQ(found.other_contours, std::vector{liver});
  EXPECT_EQ(found.names_there.Reveal(), "Liver");
  fs::remove(liver);
  const auto both = WriteContour("23", "both.dcm", "GTV in liver", true);
  find.labels[1].patterns = "*liver";
  found = FindCases(folder_.path(), find).cases.at(0);
  EXPECT_EQ(found.contour, both);
  EXPECT_TRUE(found.other_contours.empty()) << "one file that holds both is one";
}

TEST_F(StudyFinderTest, WhyThereIsNoContourIsTold) {
  WritePatient("24");
  const auto found = [&] { return FindCases(folder_.path()).cases.at(0); };
  RtStruct s = ReadRtStruct(WriteContour("24", "rt.dcm", "", true));
  s.rois.clear();
  WriteRtStruct(s);
  EXPECT_EQ(found().no_contour, "nothing is drawn: the contour file of the PET holds no region");
  for (int n = 0; n < 12; ++n) s.rois.push_back({"Region \x1b" + std::to_string(n) + std::string(80, 'x'), {}});
  WriteRtStruct(s);
  EXPECT_EQ(found().no_contour, "no contour named like GTV*,Tumour*,Tumor* among those of the PET");
  const std::string names = found().names_there.Reveal();
  EXPECT_TRUE(names.starts_with("Region ?0xxx")) << names;
  EXPECT_TRUE(names.ends_with("xxx, ...")) << names;
  EXPECT_EQ(std::count(names.begin(), names.end(), ','), 10) << "ten of them: " << names;
  EXPECT_LT(names.size(), 700U);
  WriteContour("24", "rt.dcm", "Heart", true, "1.2.9.99");
  EXPECT_EQ(found().no_contour,
            "no contour named like GTV*,Tumour*,Tumor*, and none at all in the frame of reference of the PET");
  EXPECT_EQ(found().names_there.Reveal(), "Heart");
}

TEST_F(StudyFinderTest, AnotherPatientsContourIsNotTaken) {
  WritePatient("31");
  WritePatient("32");
  WriteContour("32", "rt.dcm", "GTV", true, "1.2.9.31");  // its frame says 31, its patient 32
  CaseScan scan = FindCases(folder_.path());
  ASSERT_EQ(scan.cases.size(), 2u);
  EXPECT_EQ(scan.cases[0].no_contour, "no contour (RTSTRUCT) of this patient");
  EXPECT_FALSE(scan.cases[1].contour) << "where it lies in the frame of 32 is not known";
  EXPECT_EQ(
      scan.cases[1].no_contour,
      "the contour named like GTV*,Tumour*,Tumor* does not fit the PET: it was drawn in another frame of reference "
      "than the images: FrameOfReferenceUID (0020,0052) differs");
  const auto file = WriteContour("32", "rt.dcm", "GTV", true);
  scan = FindCases(folder_.path());
  EXPECT_FALSE(scan.cases[0].contour);
  EXPECT_EQ(scan.cases[1].contour, file);
}

TEST_F(StudyFinderTest, TheCtThatCoversMostIsPaired) {
  WritePatient("41");
  SeriesFiles part = Files("41", Modality::kCt);
  part.series = "1.2.8.41.0";
  part.geometry.origin_mm.z += 8;  // two slices short at one end
  WriteSeries(folder_.path() / "41/a", part);
  const CaseScan scan = FindCases(folder_.path());
  ASSERT_EQ(scan.cases.size(), 1u);
  EXPECT_EQ(scan.cases[0].ct.info.series_uid.Reveal(), "1.2.8.41.2");
}

// CT of another region: it must reach along half of the PET, however narrow it is.
TEST_F(StudyFinderTest, TheCtMustReachAlongHalfOfThePet) {
  SeriesFiles pet = Files("42", Modality::kPet), ct = Files("42", Modality::kCt);
  pet.geometry.size.z = 10;
  WriteSeries(folder_ / "pet", pet);
  ct.geometry.size = {3, 3, 4};  // narrow
  const auto write_from = [&](double mm) {
    ct.geometry.origin_mm = pet.geometry.origin_mm + Vec3{6, 6, mm};
    WriteSeries(folder_ / "ct", ct);
    return FindCases(folder_.path());
  };
  ct.geometry.size.z = 5;
  EXPECT_EQ(write_from(0).cases.size(), 1u) << "five of ten slices";
  CaseScan scan = write_from(28);  // from slice 7 on
  EXPECT_TRUE(scan.cases.empty());
  ASSERT_EQ(scan.rejected.size(), 1u);
  EXPECT_EQ(scan.rejected[0].fault.words, "the CT reaches along 30 % of the PET's slices; a case needs half of them");
  EXPECT_EQ(scan.rejected[0].fault.reason, QuarantineReason::kNoPair);
  scan = write_from(400);
  EXPECT_EQ(scan.rejected.at(0).fault.words, "PET without a usable CT of the same patient and frame of reference");
}

TEST_F(StudyFinderTest, APetNeedsAFrameOfReference) {
  SeriesFiles pet = Files("51", Modality::kPet);
  pet.edits = {{{0x00200052}, {}}};
  WriteSeries(folder_.path() / "pet", pet);
  WriteSeries(folder_.path() / "ct", Files("51", Modality::kCt));
  const CaseScan scan = FindCases(folder_.path());
  EXPECT_TRUE(scan.cases.empty());
  ASSERT_EQ(scan.rejected.size(), 1u);
  EXPECT_NE(scan.rejected[0].fault.words.find("FrameOfReferenceUID (0020,0052)"), std::string::npos);
}

TEST_F(StudyFinderTest, ContoursBecomeVoxelsByPosition) {
  WritePatient("61");
  const PatientCase found = (WriteContour("61", "rt.dcm", "GTV", true), FindCases(folder_.path()).cases.at(0));
  const LabelMap map = ToLabelMap(ReadRtStruct(*found.contour), "GTV*", found.pet.geometry);
  EXPECT_EQ(map.CountNonZero(), 4 * 4);  // columns 1 to 4 at 2 mm, rows 1 to 4 at 3 mm, slice 2
  EXPECT_EQ(map.voxels[static_cast<std::size_t>(map.geometry.Offset(1, 1, 2))], 1);
  EXPECT_EQ(map.voxels[static_cast<std::size_t>(map.geometry.Offset(4, 4, 2))], 1);
}

TEST_F(StudyFinderTest, StructureSetsThatCannotBeUsedSayWhy) {
  const auto file = WriteContour("71", "rt.dcm", "GTV", true);
  const auto after = [&](const TagEdit& edit) {
    WriteContour("71", "rt.dcm", "GTV", true);
    EditDicomFile(file, {edit});
    return file;
  };
  const auto expect = [&](const TagEdit& edit, ErrorCode code, const std::string& words) {
    ExpectError(code, words, [&] { ReadRtStruct(after(edit)); });
  };
  expect({{0x30060039, 0x30060040, 0x30060050}, "0\\0\\1e300"}, ErrorCode::kDataLoss,
         "a point that no scanner reaches");
  expect({{0x30060039, 0x30060084}, "7"}, ErrorCode::kDataLoss, "contours of a region that is not listed (3006,0084)");
  expect({{0x30060020, 0x30060022}, {}}, ErrorCode::kDataLoss, "missing tag ROINumber (3006,0022)");
  expect({{0x00080016}, "1.2.840.10008.5.1.4.1.1.2"}, ErrorCode::kInvalidArgument, "is not an RTSTRUCT");
  EXPECT_TRUE(ReadRtStruct(after({{0x30060039, 0x30060040, 0x30060042}, "POINT"})).rois[0].contours.empty());
  ExpectError(ErrorCode::kNotFound, "cannot open", [&] { ReadRtStruct(folder_.path() / "none.dcm"); });
}

Series WithUid(const std::string& uid) {
  Series series;
  series.info.series_uid = PatientText(uid);
  return series;
}

// RFC 4231, test cases 1, 3 and 6: the first 16 hex digits.
TEST(Pseudonym, IsHmacSha256) {
  const auto key = [](const std::string& text, const std::string& site_key) {
    return MakeSeriesKey(WithUid(text), site_key).text();
  };
  EXPECT_EQ(key("Hi There", std::string(20, '\x0b')), "b0344c61d8db3853");
  EXPECT_EQ(key(std::string(50, '\xdd'), std::string(20, '\xaa')), "773ea91e36800e46");
  EXPECT_EQ(key("Test Using Larger Than Block-Size Key - Hash Key First", std::string(131, '\xaa')),
            "60e431591ee0b67f");
  EXPECT_EQ(MakeCaseId(WithUid("Hi There"), std::string(20, '\x0b')).text(), "case-b0344c61d8db3853");
  ExpectError(ErrorCode::kInvalidArgument, "needs 16 bytes or more", [&] { key("x", std::string(15, 'k')); });
}

}  // namespace
}  // namespace consilium
