// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Contours and segmentations of another patient lie on the same grid often enough: what keeps them off it.
#include "imaging/dicom/object_source.h"

#include <gtest/gtest.h>

#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "tests/support/dicom_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

std::vector<PatientText> Texts(const std::vector<std::string>& all) { return {all.begin(), all.end()}; }

// Patient P1, frame of reference 1.2.3.9, series 1.2.3.1.1 in folder "s"; an RTSTRUCT and a SEG drawn on it.
class ObjectSourceTest : public testing::Test {
 protected:
  ObjectSourceTest() {
    WriteSeries(folder_ / "s", {});
    series_ = ReadSeries(folder_ / "s");
  }
  Series With(const SeriesFiles& files) const {
    std::filesystem::remove_all(folder_ / "other");
    WriteSeries(folder_ / "other", files);
    return ReadSeries(folder_ / "other");
  }
  RtStruct Drawn(const ObjectSource& source) const {
    RtStruct s;
    s.file = folder_ / "rt.dcm";
    s.source = source;
    s.rois = {{"GTV", {{{-9, 21, -22}, {-1, 21, -22}, {-1, 33, -22}, {-9, 33, -22}}}}};
    WriteRtStruct(s);
    return ReadRtStruct(s.file);
  }
  std::int64_t Voxels(const ObjectSource& source) const {
    return ToLabelMap(Drawn(source), "GTV", series_).CountNonZero();
  }
  void ExpectMisfit(const ObjectSource& source, const std::string& words) const {
    EXPECT_EQ(ToLabelMap(Drawn(source), "GTV", series_.geometry).CountNonZero(), 16) << "the grid fits";
    ExpectError(ErrorCode::kInvalidArgument, words, [&] { Voxels(source); });
  }

  TemporaryFolder folder_;
  Series series_;
  const ObjectSource own_{PatientText("P1"), Texts({"1.2.3.9"}), Texts({"1.2.3.1.1"}), {}};
};

TEST_F(ObjectSourceTest, IsReadFromAStructureSet) {
  ObjectSource source = own_;
  source.series_uids = Texts({"1.2.3.1.1", "1.2.3.1.2"});
  source.sop_instance_uids = Texts({"1.2.3.1.1.7.1"});
  const ObjectSource read = Drawn(source).source;
  EXPECT_EQ(read.patient_id, source.patient_id);
  EXPECT_EQ(read.frames_of_reference, source.frames_of_reference);
  EXPECT_EQ(read.series_uids, source.series_uids);
  EXPECT_EQ(read.sop_instance_uids, Texts({"1.2.3.1.1.7.1", "1.2.3.1.1.7.1"})) << "one of each series";
}

TEST_F(ObjectSourceTest, ImagesReferredToMayBeWrongOrMissing) {
  EXPECT_EQ(Voxels(own_), 16);
  ObjectSource source = own_;
  source.sop_instance_uids = Texts({"1.2.3.4.5.404"});
  EXPECT_EQ(Voxels(source), 16) << "images that are not there";
  source.series_uids = Texts({"1.2.3.404"});
  EXPECT_EQ(Voxels(source), 16) << "drawn on the CT, say";
  source.series_uids.clear();
  EXPECT_EQ(Voxels(source), 16);
  source.patient_id = PatientText("");
  EXPECT_EQ(Voxels(source), 16) << "a nameless one of this frame of reference";
  source = own_;
  source.patient_id = PatientText("  P1");
  EXPECT_EQ(Voxels(source), 16) << "spaces mean nothing";
}

TEST_F(ObjectSourceTest, AnotherPatientIsRefusedWhateverElseAgrees) {
  ObjectSource source = own_;
  source.patient_id = PatientText("P2");
  ExpectMisfit(source, "it belongs to another patient than the images: PatientID (0010,0020) differs");
  try {
    Voxels(source);
  } catch (const Error& error) {
    const std::string text = error.Text();
    EXPECT_NE(text.find("cannot put the RTSTRUCT " + (folder_ / "rt.dcm").string() + " on the series " +
                        (folder_ / "s").string()),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("Give the RTSTRUCT that was made on these images."), std::string::npos) << text;
    for (const char* identity : {"P1", "P2", "1.2.3"}) EXPECT_EQ(text.find(identity), std::string::npos) << text;
  }
}

TEST_F(ObjectSourceTest, AnotherFrameOfReferenceIsRefused) {
  ObjectSource source = own_;
  source.frames_of_reference = Texts({"1.2.3.8"});
  ExpectMisfit(source, "in another frame of reference than the images: FrameOfReferenceUID (0020,0052) differs");
  source.frames_of_reference = Texts({"1.2.3.8", "1.2.3.9"});
  EXPECT_EQ(Misfit(source, series_), "") << "one of several";
}

TEST_F(ObjectSourceTest, WithoutAFrameOfReferenceTheImagesDecide) {
  ObjectSource source = own_;
  source.frames_of_reference.clear();
  EXPECT_EQ(Voxels(source), 16);
  source.series_uids = Texts({"1.2.3.404"});
  ExpectMisfit(source, "it names no frame of reference that the images have, and refers to other images");
  source.sop_instance_uids = {series_.slices[2].sop_instance_uid};
  EXPECT_EQ(Voxels(source), 16) << "one image of the series is enough";
  source = {PatientText("P1"), {}, {}, {}};
  EXPECT_EQ(Voxels(source), 16) << "nothing but the patient, and nothing against it";
  source.patient_id = PatientText("");
  ExpectMisfit(source, "it says neither whose it is nor on which images it was drawn");
  SeriesFiles without;
  without.edits = {{{0x00200052}, {}}};
  EXPECT_EQ(Misfit(own_, With(without)), "") << "the series has none, but is named";
}

TEST_F(ObjectSourceTest, ASegGoesOnItsOwnSeriesOnly) {
  const auto seg = folder_ / "seg.dcm";
  LabelMap map{series_.geometry, std::vector<std::uint8_t>(static_cast<std::size_t>(series_.geometry.size.count()), 1)};
  WriteSeg(seg, series_, map, {});
  EXPECT_EQ(ReadSeg(seg, series_).voxels, map.voxels);
  SeriesFiles other;
  other.patient = "P2";
  ExpectError(ErrorCode::kInvalidArgument, "belongs to another patient", [&] { ReadSeg(seg, With(other)); });
  other.patient = "P1";
  other.frame = "1.2.3.8";
  ExpectError(ErrorCode::kInvalidArgument, "another frame of reference", [&] { ReadSeg(seg, With(other)); });
  other.frame = "1.2.3.9";
  other.series = "1.2.3.404";
  EXPECT_EQ(ReadSeg(seg, With(other)).voxels, map.voxels) << "a second reconstruction of the same scan";
}

}  // namespace
}  // namespace consilium
