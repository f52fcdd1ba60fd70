// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "tests/support/dicom_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

class SegTest : public testing::Test {
 protected:
  Series Source(const SeriesFiles& files = {}) {
    WriteSeries(folder_.path() / "s", files);
    return ReadSeries(folder_.path() / "s");
  }
  // Labels 0 to `labels` in a pattern that fills no slice evenly; slice 1 stays empty.
  static LabelMap Pattern(const Geometry& g, int labels) {
    LabelMap map{g, {}};
    for (std::int64_t n = 0; n < g.size.count(); ++n) {
      const bool empty = n / (g.size.x * g.size.y) == 1;
      map.voxels.push_back(static_cast<std::uint8_t>(empty ? 0 : (n * n + n / 3) % (labels + 1)));
    }
    return map;
  }
  void ExpectValid() {
    ASSERT_EQ(std::system("command -v dciodvfy > /dev/null 2>&1"), 0) << "dciodvfy is missing: ./dev setup installs it";
    const std::string command = "dciodvfy '" + file_.string() + "' 2>&1 | grep '^Error'";
    EXPECT_NE(std::system(command.c_str()), 0) << "dciodvfy finds errors";
  }
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "seg.dcm";
};

TEST_F(SegTest, ReadsBackEqualWhateverTheSize) {
  for (const Size3 size : {Size3{9, 7, 5}, Size3{8, 8, 3}, Size3{1, 3, 4}, Size3{5, 5, 2}, Size3{13, 11, 6}}) {
    SeriesFiles files;
    files.geometry.size = size;
    std::filesystem::remove_all(folder_.path() / "s");
    const Series source = Source(files);
    for (const int labels : {1, 3}) {
      const LabelMap map = Pattern(source.geometry, labels);
      WriteSeg(file_, source, map, {});
      EXPECT_EQ(ReadSeg(file_, source.geometry).voxels, map.voxels) << size.x << " x " << size.y << ", " << labels;
      EXPECT_FALSE(std::filesystem::exists(file_.string() + ".part"));
    }
  }
}

TEST_F(SegTest, SaysWhoMadeItAndOfWhat) {
  const Series source = Source();
  SegDescription d;
  d.algorithm_version = "0.1";
  d.model_digest = DigestOf("a model");
  WriteSeg(file_, source, Pattern(source.geometry, 3), d);
  const SegInfo info = ReadSegInfo(file_);
  EXPECT_EQ(info.series_description, "Tumour, predicted (research use only)");
  ASSERT_EQ(info.segments.size(), 3u);
  for (int n = 1; n <= 3; ++n) {
    const Segment& segment = info.segments[static_cast<std::size_t>(n - 1)];
    EXPECT_EQ(segment.number, n);
    EXPECT_EQ(segment.label, "Tumour " + std::to_string(n));
    EXPECT_EQ(segment.type, kNeoplasm);
    EXPECT_EQ(segment.type.meaning, "Neoplasm");
    EXPECT_EQ(segment.origin, SegmentOrigin::kAutomatic);
    EXPECT_EQ(segment.algorithm, "Consilium 0.1, model " + d.model_digest.Short());
  }
  EXPECT_EQ(info.size, (Size3{9, 7, 12}));  // three segments in four slices
  EXPECT_EQ(info.source.patient_id, source.info.patient_id);
  EXPECT_EQ(info.source.series_uids, std::vector{source.info.series_uid});
  EXPECT_EQ(info.source.frames_of_reference, std::vector{source.info.frame_of_reference_uid});
  std::vector<PatientText> images;
  for (const Slice& slice : source.slices) images.push_back(slice.sop_instance_uid);
  EXPECT_EQ(info.source.sop_instance_uids, images);
  ExpectValid();

  d.origin = SegOrigin::kManual;
  WriteSeg(file_, source, Pattern(source.geometry, 1), d);
  EXPECT_EQ(ReadSegInfo(file_).segments.at(0).origin, SegmentOrigin::kManual);
  EXPECT_EQ(ReadSegInfo(file_).segments.at(0).algorithm, "");
  ExpectValid();
}

// The PACS files it by the patient's number: that is written as the source has it, bytes and character set.
TEST_F(SegTest, ThePatientIsThatOfTheSourceInItsCharacterSet) {
  SeriesFiles files;
  files.patient = "M\xfcller 7";
  files.edits = {{{0x00080005}, "ISO_IR 100"}};
  const Series source = Source(files);
  EXPECT_EQ(source.info.patient_id.Reveal(), "Müller 7");
  EXPECT_EQ(source.info.patient_name.Reveal(), "Test^Müller 7");
  const LabelMap map = Pattern(source.geometry, 1);
  WriteSeg(file_, source, map, {});
  const std::string bytes = ReadFileBytes(file_);
  EXPECT_NE(bytes.find("ISO_IR 100"), std::string::npos);
  EXPECT_NE(bytes.find("Test^M\xfcller 7"), std::string::npos);
  EXPECT_EQ(bytes.find("M\xc3\xbcller"), std::string::npos);
  EXPECT_EQ(ReadSegInfo(file_).source.patient_id, source.info.patient_id);
  EXPECT_EQ(ReadSeg(file_, source).voxels, map.voxels);
  ExpectValid();
}

TEST_F(SegTest, AnEmptyMapIsOneEmptyFrame) {
  const Series source = Source();
  const LabelMap none = Pattern(source.geometry, 0);
  WriteSeg(file_, source, none, {});
  EXPECT_EQ(ReadSegInfo(file_).frames, 1);
  EXPECT_EQ(ReadSeg(file_, source.geometry).CountNonZero(), 0);
  ExpectValid();
}

TEST_F(SegTest, ObliqueAndReversedGrids) {
  const double half = std::sqrt(0.5);
  SeriesFiles files;
  files.geometry.direction = {{{half, half, 0}, {-0.6 * half, 0.6 * half, 0.8}, {0.8 * half, -0.8 * half, 0.6}}};
  const Series source = Source(files);
  const LabelMap map = Pattern(source.geometry, 2);
  WriteSeg(file_, source, map, {});
  EXPECT_EQ(ReadSeg(file_, source.geometry).voxels, map.voxels);
  ExpectValid();
  // The same voxels seen from the other end.
  Geometry turned = source.geometry;
  turned.origin_mm = source.geometry.IndexToPoint({0, 0, static_cast<double>(turned.size.z - 1)});
  turned.direction[2] = -1.0 * turned.direction[2];
  const LabelMap other = ReadSeg(file_, turned);
  const auto at = [](const LabelMap& m, std::int64_t k) {
    return m.voxels[static_cast<std::size_t>(m.geometry.Offset(4, 3, k))];
  };
  for (std::int64_t k = 0; k < 5; ++k) EXPECT_EQ(at(other, k), at(map, 4 - k));
}

TEST_F(SegTest, ForeignGridsAreRefused) {
  const Series source = Source();
  const LabelMap map = Pattern(source.geometry, 1);
  WriteSeg(file_, source, map, {});
  Geometry shifted = source.geometry, coarse = source.geometry, small = source.geometry;
  shifted.origin_mm.y += 1;
  coarse.spacing_mm.x = 2.2;
  small.size.x = 5;
  // The series is twice as fine as the SEG: its pixels would mark every second voxel.
  Geometry fine = source.geometry;
  fine.spacing_mm.x /= 2;
  fine.size.x *= 2;
  ExpectError(ErrorCode::kInvalidArgument, "do not lie on the grid of the series", [&] { ReadSeg(file_, fine); });
  fine = source.geometry;
  fine.spacing_mm.y /= 2;
  fine.size.y *= 2;
  ExpectError(ErrorCode::kInvalidArgument, "do not lie on the grid of the series", [&] { ReadSeg(file_, fine); });
  ExpectError(ErrorCode::kInvalidArgument, "do not lie on the grid of the series", [&] { ReadSeg(file_, shifted); });
  ExpectError(ErrorCode::kInvalidArgument, "do not lie on the grid of the series", [&] { ReadSeg(file_, coarse); });
  ExpectError(ErrorCode::kInvalidArgument, "reaches beyond the grid of the series", [&] { ReadSeg(file_, small); });
  ExpectError(ErrorCode::kInvalidArgument, "does not lie on the grid of the source series",
              [&] { WriteSeg(file_, source, Pattern(shifted, 1), {}); });
  LabelMap hole = map;
  for (auto& v : hole.voxels) v = static_cast<std::uint8_t>(v * 2);
  ExpectError(ErrorCode::kInvalidArgument, "without a hole", [&] { WriteSeg(file_, source, hole, {}); });
  ExpectError(ErrorCode::kDataLoss, "cannot write", [&] { WriteSeg(folder_.path() / "no/x.dcm", source, map, {}); });
}

// Thicker slices would mark one of several. Whether a SEG's are is not seen from gaps: empty frames may be left out.
TEST_F(SegTest, ThickerSlicesAreRefusedAndLeftOutOnesAreNot) {
  SeriesFiles files;
  files.geometry.size.z = 12;
  const Series source = Source(files);
  const double mm = source.geometry.spacing_mm.z;
  const auto read = [&](const std::vector<std::int64_t>& slices, double thickness, double spacing) {
    LabelMap map = Pattern(source.geometry, 0);
    for (const std::int64_t k : slices) map.voxels[static_cast<std::size_t>(map.geometry.Offset(4, 3, k))] = 1;
    WriteSeg(file_, source, map, {});
    const std::uint32_t shared = 0x52009229, measures = 0x00289110;
    TagEdit apart{{shared, measures, 0x00180088}, {}};
    if (spacing > 0) apart.value = std::to_string(spacing);
    EditDicomFile(file_, {{{shared, measures, 0x00180050}, std::to_string(thickness)}, apart});
    return ReadSeg(file_, source.geometry).CountNonZero();
  };
  const std::string words = "do not lie on the grid of the series: its slices are 2 times as ";
  ExpectError(ErrorCode::kInvalidArgument, words + "far apart", [&] { read({2, 4, 6}, 2 * mm, 2 * mm); });
  ExpectError(ErrorCode::kInvalidArgument, words + "far apart", [&] { read({4}, mm, 2 * mm); });
  ExpectError(ErrorCode::kInvalidArgument, words + "thick", [&] { read({2, 4, 8}, 2 * mm, 0); });
  ExpectError(ErrorCode::kInvalidArgument, "3 times as thick", [&] { read({0, 9}, 3 * mm, 0); });
  EXPECT_EQ(read({2, 4, 6}, mm, mm), 3) << "empty frames are left out";
  EXPECT_EQ(read({2, 4, 6}, 2 * mm, mm), 3) << "slices that overlap";
  EXPECT_EQ(read({2, 3, 6}, 2 * mm, 0), 3) << "neighbours: they overlap";
  EXPECT_EQ(read({2, 4, 7}, 2 * mm, 0), 3) << "not whole steps apart";
  EXPECT_EQ(read({2, 3}, mm, 2 * mm), 2) << "the frames themselves say otherwise";
  EXPECT_EQ(read({4}, 2 * mm, 0), 1);
}

TEST_F(SegTest, DamagedFilesAreNamed) {
  const Series source = Source();
  const auto expect = [&](const TagEdit& edit, ErrorCode code, const std::string& words) {
    WriteSeg(file_, source, Pattern(source.geometry, 1), {});
    EditDicomFile(file_, {edit});
    ExpectError(code, words, [&] { ReadSeg(file_, source.geometry); });
  };
  expect({{0x00280008}, "1000000"}, ErrorCode::kDataLoss, "its frames and their descriptions differ in count");
  expect({{0x00280008}, "2147483647"}, ErrorCode::kDataLoss, "NumberOfFrames (0028,0008) is missing or out of bounds");
  expect({{0x00280010}, "65535"}, ErrorCode::kDataLoss, "fewer pixels than frames, rows and columns say");
  expect({{0x00280011}, {}}, ErrorCode::kDataLoss, "Columns (0028,0011) is missing or out of bounds");
  expect({{0x7FE00010}, {}}, ErrorCode::kDataLoss, "missing tag PixelData (7FE0,0010)");
  expect({{0x52009230, 0x0062000A, 0x0062000B}, "0"}, ErrorCode::kDataLoss, "(0062,000B) is not 1 to 255");
  expect({{0x52009230, 0x00209113, 0x00200032}, "1e30\\0\\0"}, ErrorCode::kInvalidArgument, "do not lie on the grid");
  expect({{0x52009230, 0x00209113, 0x00200032}, {}}, ErrorCode::kDataLoss, "missing tag ImagePositionPatient");
  expect({{0x52009229, 0x00289110, 0x00280030}, "1e200\\1e200"}, ErrorCode::kInvalidArgument, "do not lie on the grid");
  expect({{0x00620001}, "FRACTIONAL"}, ErrorCode::kInvalidArgument, "is not a binary SEG");
  expect({{0x00080016}, "1.2.840.10008.5.1.4.1.1.2"}, ErrorCode::kInvalidArgument, "is not a DICOM SEG");
}

}  // namespace
}  // namespace consilium
