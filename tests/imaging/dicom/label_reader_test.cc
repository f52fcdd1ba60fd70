// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/label_reader.h"

#include <gtest/gtest.h>

#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/prepare/nifti.h"
#include "tests/support/dicom_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

class LabelReaderTest : public testing::Test {
 protected:
  fs::path At(const std::string& name) const { return folder_.path() / name; }
  LabelMap Pattern(int labels) const {
    LabelMap map{series_.geometry, {}};
    for (std::int64_t n = 0; n < map.geometry.size.count(); ++n)
      map.voxels.push_back(static_cast<std::uint8_t>((n * n + n / 3) % (labels + 1)));
    return map;
  }
  LabelMap Only(const LabelMap& map, int value) const {
    LabelMap out = map;
    for (auto& voxel : out.voxels) voxel = voxel == value ? 1 : 0;
    return out;
  }
  fs::path Seg(const LabelMap& map, SegOrigin origin = SegOrigin::kManual, const CodedConcept& code = kNeoplasm) const {
    SegDescription d;
    d.origin = origin;
    d.code = code;
    d.algorithm_version = "0.1";
    WriteSeg(At("seg.dcm"), series_, map, d);
    return At("seg.dcm");
  }
  fs::path Contours(const std::string& name) const {
    RtStruct s;
    s.file = At("rt.dcm");
    s.source.patient_id = series_.info.patient_id;
    s.source.frames_of_reference = {series_.info.frame_of_reference_uid};
    const Vec3 a = series_.geometry.IndexToPoint({0.5, 0.5, 2}), b = series_.geometry.IndexToPoint({4.5, 3.5, 2});
    const std::vector<Vec3> box = {{a.x, a.y, a.z}, {b.x, a.y, a.z}, {b.x, b.y, a.z}, {a.x, b.y, a.z}};
    s.rois = {{name, {box}}, {"Heart", {box}}, {"Lung_L", {}}};
    WriteRtStruct(s);
    return s.file;
  }

  TemporaryFolder folder_;
  Series series_ = Load();

 private:
  Series Load() const {
    WriteSeries(folder_.path() / "s", {});
    return ReadSeries(folder_.path() / "s");
  }
};

TEST_F(LabelReaderTest, ContoursByName) {
  EXPECT_EQ(ReadLabel(Contours("GTV_1"), series_, {}).CountNonZero(), 12);
  EXPECT_EQ(KindOfLabel(At("rt.dcm")), LabelKind::kRtStruct);
  const fs::path none = Contours("Liver");
  ExpectError(ErrorCode::kNotFound,
              "no region named like GTV* in " + none.string() + "; there are: Liver, Heart, Lung_L",
              [&] { ReadLabel(none, series_, {.patterns = "GTV*"}); });
}

TEST_F(LabelReaderTest, SegmentsByCodeThenByLabel) {
  const LabelMap map = Pattern(3);
  LabelMap any = map;
  for (auto& voxel : any.voxels) voxel = voxel != 0;
  const fs::path file = Seg(map);  // "Tumour 1" to "Tumour 3", all coded as neoplasm
  EXPECT_EQ(KindOfLabel(file), LabelKind::kSeg);
  EXPECT_EQ(ReadLabel(file, series_, {.patterns = "nothing"}).voxels, any.voxels) << "the code alone decides";
  EXPECT_EQ(ReadLabel(file, series_, {.code = {"1", "99X", ""}, .patterns = "*2"}).voxels, Only(map, 2).voxels);
  ExpectError(ErrorCode::kNotFound,
              "no segment coded 99X 1 or named like GTV* in " + file.string() +
                  "; there are: Tumour 1 (SCT 108369006 \"Neoplasm\"), Tumour 2",
              [&] {
                ReadLabel(file, series_, {.code = {"1", "99X", ""}, .patterns = "GTV*"});
              });
  // One segment carries the code: the label of another that fits is not looked at.
  EditDicomFile(file, {{{0x00620002, 0x0062000F, 0x00080100}, "10200004"}});  // the first becomes a liver
  LabelMap rest = map;
  for (auto& voxel : rest.voxels) voxel = voxel > 1;
  EXPECT_EQ(ReadLabel(file, series_, {.patterns = "Tumour 1"}).voxels, rest.voxels);
}

TEST_F(LabelReaderTest, WhatAProgramDrewIsNotTrainedOn) {
  const LabelMap map = Pattern(1);
  const fs::path file = Seg(map, SegOrigin::kAutomatic);
  ExpectError(ErrorCode::kFailedPrecondition,
              "the segments in " + file.string() + " were drawn by a program (Consilium 0.1, model",
              [&] { ReadLabel(file, series_, {}); });
  EXPECT_EQ(ReadLabel(file, series_, {.accept_automatic = true}).voxels, map.voxels);
  // With a program's help a person drew it; without a word about who, the named algorithm did.
  EditDicomFile(file, {{{0x00620002, 0x00620008}, "SEMIAUTOMATIC"}});
  EXPECT_EQ(ReadLabel(file, series_, {}).voxels, map.voxels);
  EditDicomFile(file, {{{0x00620002, 0x00620008}, {}}});
  ExpectError(ErrorCode::kFailedPrecondition, "drawn by a program", [&] { ReadLabel(file, series_, {}); });
  // Of two that fit, one by hand: that one.
  const LabelMap two = Pattern(2);
  const fs::path mixed = Seg(two);
  EditDicomFile(mixed, {{{0x00620002, 0x00620008}, "AUTOMATIC"}});
  EXPECT_EQ(ReadLabel(mixed, series_, {}).voxels, Only(two, 2).voxels);
}

TEST_F(LabelReaderTest, AnotherPatientsFileIsRefused) {
  const fs::path seg = Seg(Pattern(1)), contours = Contours("GTV");
  Series other = series_;
  other.info.patient_id = PatientText("somebody else");
  for (const fs::path& file : {seg, contours})
    ExpectError(ErrorCode::kInvalidArgument, "belongs to another patient", [&] { ReadLabel(file, other, {}); });
  other = series_;
  other.info.frame_of_reference_uid = PatientText("1.2.3.999");
  for (const fs::path& file : {seg, contours})
    ExpectError(ErrorCode::kInvalidArgument, "another frame of reference", [&] { ReadLabel(file, other, {}); });
}

TEST_F(LabelReaderTest, FractionalSegmentsAreRefused) {
  const fs::path file = Seg(Pattern(1));
  EditDicomFile(file, {{{0x00620001}, "FRACTIONAL"}});
  ExpectError(ErrorCode::kInvalidArgument, "is not a binary SEG", [&] { ReadLabel(file, series_, {}); });
  ExpectError(ErrorCode::kInvalidArgument, "export it as a binary", [&] { ReadLabel(file, series_, {}); });
}

TEST_F(LabelReaderTest, NiftiValues) {
  const fs::path file = At("mask.nii.gz");
  EXPECT_EQ(KindOfLabel(file), LabelKind::kNifti);
  WriteNifti(file, Pattern(1));
  EXPECT_EQ(ReadLabel(file, series_, {}).voxels, Pattern(1).voxels);
  WriteNifti(file, Pattern(3));
  EXPECT_EQ(ReadLabel(file, series_, {.nifti_value = 3}).voxels, Only(Pattern(3), 3).voxels);
  ExpectError(ErrorCode::kInvalidArgument, "holds more than 0 and 1; there are: 0, 1, 2, 3",
              [&] { ReadLabel(file, series_, {}); });
  ExpectError(ErrorCode::kInvalidArgument, "no voxel of " + file.string() + " has the value 7; there are: 0, 1, 2, 3",
              [&] { ReadLabel(file, series_, {.nifti_value = 7}); });
  WriteNifti(file, Pattern(0));
  EXPECT_EQ(ReadLabel(file, series_, {}).CountNonZero(), 0) << "no tumour";
  EXPECT_EQ(ReadLabel(file, series_, {.nifti_value = 7}).CountNonZero(), 0);
  ExpectError(ErrorCode::kInvalidArgument, "between 1 and 255",
              [&] { ReadLabel(file, series_, {.nifti_value = 256}); });
}

TEST_F(LabelReaderTest, NiftiOnAnotherGridIsRefusedWithBothInWords) {
  const fs::path file = At("mask.nii");
  const auto expect = [&](const Geometry& grid) {
    LabelMap map{grid, std::vector<std::uint8_t>(static_cast<std::size_t>(grid.size.count()))};
    WriteNifti(file, map);
    ExpectError(ErrorCode::kInvalidArgument,
                "does not lie on the grid of the series. The file: ", [&] { ReadLabel(file, series_, {}); });
  };
  Geometry grid = series_.geometry;
  grid.origin_mm.x += 0.2;  // a tenth of a voxel
  expect(grid);
  grid = series_.geometry;
  grid.origin_mm.z += grid.spacing_mm.z;  // a whole voxel: the same lattice, another place
  expect(grid);
  grid = series_.geometry;
  grid.spacing_mm.x *= 1.01;
  expect(grid);
  grid = series_.geometry;
  grid.size.z -= 1;
  expect(grid);
  grid = series_.geometry;
  grid.size = {7, 9, 5};  // the same count in another shape
  expect(grid);
  grid = series_.geometry;
  grid.spacing_mm.x *= 2;
  WriteNifti(file, LabelMap{grid, std::vector<std::uint8_t>(static_cast<std::size_t>(grid.size.count()))});
  ExpectError(ErrorCode::kInvalidArgument,
              "The file: 9 x 7 x 5 voxels of 4 x 3 x 4 mm, the first at (-10.00, 20.00, -30.00), axes (1.000, 0.000, "
              "0.000), (0.000, 1.000, 0.000), (0.000, 0.000, 1.000); the series: 9 x 7 x 5 voxels of 2 x 3 x 4 mm",
              [&] { ReadLabel(file, series_, {}); });
}

TEST_F(LabelReaderTest, NiftiThatIsNoLabel) {
  const fs::path file = At("mask.nii");
  Volume volume{SeriesKey("x"), Modality::kPet, series_.geometry, {}, {}, {}};
  volume.voxels.assign(static_cast<std::size_t>(series_.geometry.size.count()), 1);
  volume.slope.assign(5, 0.5f);
  volume.intercept.assign(5, 0.0f);
  WriteNifti(file, volume);
  ExpectError(ErrorCode::kInvalidArgument, "a voxel is not a whole number of 0 to 255",
              [&] { ReadLabel(file, series_, {}); });
  volume.slope.assign(5, 256.0f);
  WriteNifti(file, volume);
  ExpectError(ErrorCode::kInvalidArgument, "a voxel is not a whole number", [&] { ReadLabel(file, series_, {}); });
  volume.slope.assign(5, 1.0f);
  WriteNifti(file, volume);
  EXPECT_EQ(ReadLabel(file, series_, {}).CountNonZero(), series_.geometry.size.count()) << "stored as float";
}

TEST_F(LabelReaderTest, DamagedFilesAreNamed) {
  for (const char* name : {"mask.nii", "mask.nii.gz"}) {
    const fs::path file = At(name);
    WriteNifti(file, Pattern(1));
    const std::string bytes = ReadFileBytes(file);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{100}, bytes.size() / 2, bytes.size() - 20, bytes.size() - 1}) {
      WriteFileBytes(file, bytes.substr(0, size));
      SCOPED_TRACE(std::to_string(size) + " of " + std::to_string(bytes.size()));
      ExpectError(ErrorCode::kDataLoss, "cannot read " + file.string(), [&] { ReadLabel(file, series_, {}); });
    }
    WriteFileBytes(file, bytes);
    EXPECT_EQ(ReadLabel(file, series_, {}).voxels, Pattern(1).voxels);
  }
  ExpectError(ErrorCode::kDataLoss, "it is no regular file", [&] { ReadLabel(At("none.nii"), series_, {}); });
  WriteFileBytes(At("words.txt"), "no label");
  ExpectError(ErrorCode::kInvalidArgument, "words.txt", [&] { ReadLabel(At("words.txt"), series_, {}); });
  ExpectError(ErrorCode::kInvalidArgument, "holds no label", [&] { ReadLabel(At("s/000.dcm"), series_, {}); });
}

}  // namespace
}  // namespace consilium
