// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/series_reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stop_token>

#include "tests/support/dicom_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

const double kHalf = std::sqrt(0.5);

// Every voxel read lies where a voxel was written and has its value, whatever way the slices were ordered.
void ExpectSameValues(const SeriesFiles& written, const Volume& read) {
  const Geometry &g = read.geometry, &w = written.geometry;
  ASSERT_EQ(g.size, w.size);
  EXPECT_GT(Dot(Cross(g.direction[0], g.direction[1]), g.direction[2]), 0.999);
  std::int64_t different = 0;
  for (std::int64_t k = 0; k < g.size.z; ++k) {
    for (std::int64_t j = 0; j < g.size.y; ++j) {
      for (std::int64_t i = 0; i < g.size.x; ++i) {
        const Vec3 point = g.IndexToPoint({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        const Vec3 at = w.PointToIndex(point);
        const auto wi = std::llround(at.x), wj = std::llround(at.y), wk = std::llround(at.z);
        const Vec3 whole{static_cast<double>(wi), static_cast<double>(wj), static_cast<double>(wk)};
        ASSERT_LT(Norm(at - whole), 1e-4) << i << ' ' << j << ' ' << k;
        const double expected = written.Value(wi, wj, wk);
        different += std::abs(static_cast<double>(read.Value(i, j, k)) - expected) > 0.02 + std::abs(expected) * 1e-6;
      }
    }
  }
  EXPECT_EQ(different, 0);
}

class SeriesReaderTest : public testing::Test {
 protected:
  Volume WriteAndRead(const SeriesFiles& files) {
    WriteSeries(folder_.path() / "s", files);
    return ToVolume(ReadSeries(folder_.path()), SeriesKey("k"));
  }
  // Beside a good series, so that every refusal also shows that the others go on.
  void ExpectRejected(SeriesFiles bad, const std::string& words) {
    SeriesFiles good;
    good.series = "1.2.3.77";
    WriteSeries(folder_.path() / "good", good);
    WriteSeries(folder_.path() / "bad", bad);
    const SeriesScan scan = ScanFolder(folder_.path());
    ASSERT_EQ(scan.rejected.size(), 1u) << words;
    EXPECT_EQ(scan.rejected.front().place.string().find((folder_.path() / "bad").string()), 0u);
    EXPECT_NE(scan.rejected.front().fault.words.find(words), std::string::npos)
        << scan.rejected.front().fault.words << "\nexpected: " << words;
    ASSERT_EQ(scan.usable.size(), 1u);
    EXPECT_EQ(scan.usable.front().info.series_uid.Reveal(), "1.2.3.77");
    ExpectSameValues(good, ToVolume(scan.usable.front(), SeriesKey("k")));
    std::filesystem::remove_all(folder_.path() / "bad");
  }
  void ExpectRejected(const TagEdit& edit, const std::string& words) {
    SeriesFiles bad;
    bad.edits = {edit};
    ExpectRejected(bad, words);
  }
  TemporaryFolder folder_;
};

TEST_F(SeriesReaderTest, GeometryComesFromPositions) {
  SeriesFiles files;
  files.shuffled = true;
  const Volume volume = WriteAndRead(files);
  EXPECT_TRUE(SameGrid(volume.geometry, files.geometry, 1e-6));
  EXPECT_EQ(volume.modality, Modality::kPet);
  ExpectSameValues(files, volume);
}

TEST_F(SeriesReaderTest, EveryOrientationIsKept) {
  const std::array<std::array<Vec3, 3>, 6> directions = {{
      {{{1, 0, 0}, {0, 1, 0}, {0, 0, -1}}},   // slices from head to feet
      {{{-1, 0, 0}, {0, 1, 0}, {0, 0, -1}}},  // feet first
      {{{-1, 0, 0}, {0, -1, 0}, {0, 0, 1}}},  // prone
      {{{0, 1, 0}, {0, 0, -1}, {-1, 0, 0}}},  // sagittal
      {{{1, 0, 0}, {0, 0, -1}, {0, 1, 0}}},   // coronal
      {{{kHalf, kHalf, 0}, {-0.6 * kHalf, 0.6 * kHalf, 0.8}, {0.8 * kHalf, -0.8 * kHalf, 0.6}}},  // oblique
  }};
  for (const auto& direction : directions) {
    SeriesFiles files;
    files.modality = Modality::kMr;
    files.geometry.direction = direction;
    ExpectSameValues(files, WriteAndRead(files));
    files.shuffled = true;
    std::filesystem::remove_all(folder_.path() / "s");
    ExpectSameValues(files, WriteAndRead(files));
  }
}

TEST_F(SeriesReaderTest, EveryPixelFormatInEveryEncoding) {
  struct Format {
    int allocated, stored;
    bool is_signed;
  };
  for (const Encoding encoding :
       {Encoding::kExplicit, Encoding::kImplicit, Encoding::kRle, Encoding::kJpegLossless, Encoding::kJpegLs}) {
    for (const Format format : {Format{16, 16, true}, Format{16, 16, false}, Format{16, 12, true},
                                Format{16, 12, false}, Format{8, 8, false}, Format{8, 8, true}}) {
      SCOPED_TRACE(testing::Message() << "encoding " << static_cast<int>(encoding) << ", " << format.allocated << " / "
                                      << format.stored << " bits, signed " << format.is_signed);
      SeriesFiles files;
      files.modality = Modality::kCt;
      files.encoding = encoding;
      files.bits_allocated = format.allocated;
      files.bits_stored = format.stored;
      files.is_signed = format.is_signed;
      const Volume volume = WriteAndRead(files);
      ExpectSameValues(files, volume);
      const std::int32_t shift = !format.is_signed && format.stored == 16 ? 32768 : 0;
      for (std::int64_t n = 0; n < files.geometry.size.x; ++n) {  // the stored numbers themselves, in one row
        EXPECT_EQ(volume.voxels[static_cast<std::size_t>(volume.geometry.Offset(n, 2, 3))],
                  files.Stored(n, 2, 3) - shift);
      }
    }
  }
}

TEST_F(SeriesReaderTest, MonochromeOneHoldsTheSameValues) {
  SeriesFiles files;
  files.photometric = "MONOCHROME1";
  ExpectSameValues(files, WriteAndRead(files));
}

TEST_F(SeriesReaderTest, BitsAboveThoseStoredAreIgnored) {
  for (const bool is_signed : {false, true}) {
    SeriesFiles files;
    files.bits_stored = 12;
    files.is_signed = is_signed;
    files.junk_above = true;
    ExpectSameValues(files, WriteAndRead(files));
  }
}

TEST_F(SeriesReaderTest, BecquerelsBecomeSuv) {
  SeriesFiles files;
  files.edits = {{{0x00541001}, "BQML"}};
  const Volume volume = WriteAndRead(files);
  // One half-life after 350 MBq, 70 kg.
  const double factor = 70000 / (3.5e8 / 2);
  EXPECT_NEAR(static_cast<double>(volume.slope[3]), files.Slope(3) * factor, 1e-9);
  EXPECT_NEAR(static_cast<double>(volume.Value(4, 3, 2)), files.Value(4, 3, 2) * factor, 1e-3);
}

TEST_F(SeriesReaderTest, MrNeedsNoRescale) {
  SeriesFiles files;
  files.modality = Modality::kMr;
  files.edits = {{{0x00281052}, {}}, {{0x00281053}, {}}};
  const Volume volume = WriteAndRead(files);
  EXPECT_EQ(volume.Value(2, 2, 2), static_cast<float>(files.Stored(2, 2, 2)));
}

TEST_F(SeriesReaderTest, GapsDuplicatesAndMixturesAreNamed) {
  SeriesFiles gap;
  gap.dropped = 2;
  ExpectRejected(gap, "missing slices: largest gap 8.0 mm, spacing 4.0 mm");
  ExpectRejected({{0x00200032}, "-10\\20\\-22", 1}, "duplicate: 1 slices lie where another lies, with other pixels");
  ExpectRejected({{0x00080018}, "1.2.3.1.1.7.1", 3}, "duplicate: 1 images are there twice, with different content");
  ExpectRejected({{0x00200037}, "0\\1\\0\\0\\0\\-1", 2}, "mixed orientation");
  ExpectRejected({{0x00200032}, "-10\\20\\-21.5", 2}, "uneven slices: one lies 0.5 mm from its even place");
  ExpectRejected({{0x00200032}, "-4\\20\\-22", 2}, "uneven slices: one lies 6.0 mm from its even place");
  ExpectRejected({{0x00280030}, "3\\2.5", 1}, "slices of different pixel spacing");
  ExpectRejected({{0x00100020}, "P2", 1}, "slices of different patients in one series");
  ExpectRejected({{0x00200052}, "1.2.3.8", 1}, "slices of different frames of reference");
  ExpectRejected({{0x00541001}, "BQML", 1}, "slices of different units (0054,1001)");
  ExpectRejected({{0x00280103}, "0", 1}, "slices of different pixel format");
  ExpectRejected({{0x00280010}, "6", 1}, "slices of different size");
  ExpectRejected({{0x00080016}, "1.2.840.10008.5.1.4.1.1.2", 1}, "mixed modalities in one series");
  SeriesFiles single;
  single.geometry.size.z = 1;
  ExpectRejected(single, "only one slice: no volume");
}

// A slice that says nothing of its series any more: the file is told as the cause, not only the gap that it leaves.
TEST_F(SeriesReaderTest, UnreadableSlicesAreTheCauseOfAGap) {
  const auto written = WriteSeries(folder_ / "s", {});
  const auto reason = [&] {
    const SeriesScan scan = ScanFolder(folder_ / "s");
    EXPECT_TRUE(scan.usable.empty());
    for (const RejectedSeries& r : scan.rejected)
      if (r.place == folder_ / "s") return r.fault.words;
    return std::string("not rejected");
  };
  const std::string whole = ReadFileBytes(written[2]), name = written[2].filename().string();
  const std::string words =
      "not readable: " + name + "; so there are missing slices: largest gap 8.0 mm, spacing 4.0 mm";
  WriteFileBytes(written[2], whole.substr(0, 150));  // within the header
  EXPECT_EQ(reason(), words);
  WriteFileBytes(written[2], "");  // the copy broke off
  EXPECT_EQ(reason(), words);
  ExpectError(ErrorCode::kFailedPrecondition, "cannot be used: " + words, [&] { ReadSeries(folder_ / "s"); });
  WriteFileBytes(folder_ / "s" / "notes.txt", "");  // not named like a slice
  WriteFileBytes(written[1], std::string(5000, 'x'));
  EXPECT_EQ(reason(), "not readable: " + written[1].filename().string() + ", " + name +
                          "; so there are missing slices: largest gap 12.0 mm, spacing 4.0 mm");
  std::filesystem::remove(written[1]);
  std::filesystem::remove(written[2]);
  EXPECT_EQ(reason(), "missing slices: largest gap 12.0 mm, spacing 4.0 mm") << "nothing unreadable: only a gap";
}

TEST_F(SeriesReaderTest, FurtherDamagedSlicesAreCounted) {
  const auto written = WriteSeries(folder_ / "s", {});
  for (const std::size_t k : {1U, 3U})
    std::filesystem::resize_file(written[k], std::filesystem::file_size(written[k]) - 10);
  const SeriesScan scan = ScanFolder(folder_ / "s");
  ASSERT_EQ(scan.rejected.size(), 1U);
  EXPECT_EQ(scan.rejected[0].place, written[1]);
  EXPECT_NE(scan.rejected[0].fault.words.find(" (further damaged files of this series: 1)"), std::string::npos)
      << scan.rejected[0].fault.words;
}

TEST_F(SeriesReaderTest, MissingTagsAreNamed) {
  const std::vector<std::pair<std::uint32_t, std::string>> tags = {
      {0x00080018, "SOPInstanceUID (0008,0018)"},
      {0x0020000E, "SeriesInstanceUID (0020,000E)"},
      {0x00200032, "ImagePositionPatient (0020,0032)"},
      {0x00200037, "ImageOrientationPatient (0020,0037)"},
      {0x00280030, "PixelSpacing (0028,0030)"},
      {0x00281053, "RescaleSlope (0028,1053)"},
      {0x00281052, "RescaleIntercept (0028,1052)"},
      {0x00280010, "Rows (0028,0010)"},
      {0x00280011, "Columns (0028,0011)"},
      {0x00280004, "PhotometricInterpretation (0028,0004)"},
      {0x00280100, "BitsAllocated (0028,0100)"},
      {0x00541001, "Units (0054,1001)"},
      {0x7FE00010, "PixelData (7FE0,0010)"}};
  for (const auto& [tag, words] : tags) ExpectRejected({{tag}, {}}, "missing tag " + words);
  SeriesFiles one;
  one.edits = {{{0x00200032}, {}, 2}};
  ExpectRejected(one, "1 of 5 slices: missing tag ImagePositionPatient (0020,0032)");
}

TEST_F(SeriesReaderTest, NumbersOutOfBoundsAreNamed) {
  ExpectRejected({{0x00280030}, "0\\2"}, "PixelSpacing (0028,0030) is out of bounds");
  ExpectRejected({{0x00280030}, "2"}, "not the right count of numbers in PixelSpacing (0028,0030)");
  ExpectRejected({{0x00200037}, "1\\0\\0\\1\\0\\0"}, "ImageOrientationPatient (0020,0037) is not two right-angled");
  ExpectRejected({{0x00281053}, "0"}, "RescaleSlope (0028,1053) is zero");
  ExpectRejected({{0x00281053}, "1e300"}, "RescaleSlope (0028,1053) is out of bounds");
  ExpectRejected({{0x00200032}, "0\\1e300\\0", 1}, "ImagePositionPatient (0020,0032) is out of bounds");
  ExpectRejected({{0x00280008}, "2"}, "several frames in one file");
  ExpectRejected({{0x00280008}, "2147483647"}, "several frames in one file");
  ExpectRejected({{0x00280002}, "3"}, "colour images are no volume");
  ExpectRejected({{0x00280004}, "PALETTE COLOR"}, "colour images are no volume");
  ExpectRejected({{0x00280100}, "32"}, "pixels that are not 8 or 16 bits");
  ExpectRejected({{0x00280102}, "11"}, "pixels that are not 8 or 16 bits");
  ExpectRejected({{0x00280010}, "65535"}, "Rows (0028,0010) is out of bounds");
  ExpectRejected({{0x00280010}, "8"}, "fewer pixels than rows and columns say");
  ExpectRejected({{0x00080016}, "1.2.840.10008.5.1.4.1.1.130"}, "enhanced (multi-frame) images are not read");
}

// What a rejected series says besides its words: the kind of reason, the file or folder, and whose it is.
TEST_F(SeriesReaderTest, EachRejectionHasItsReasonPlaceAndOwner) {
  struct Row {
    TagEdit edit;
    QuarantineReason reason;
    std::string place;  // below the folder
  };
  const std::vector<Row> rows = {
      {{{0x00280030}, {}}, QuarantineReason::kMissingTag, "s"},
      {{{0x00280030}, {}, 3}, QuarantineReason::kMissingTag, "s/003.dcm"},
      {{{0x00281053}, "1e300", 2}, QuarantineReason::kMissingTag, "s/002.dcm"},
      {{{0x00281053}, "0"}, QuarantineReason::kMissingTag, "s"},
      {{{0x00280004}, "RGB", 1}, QuarantineReason::kNotAVolume, "s/001.dcm"},
      {{{0x00280008}, "2"}, QuarantineReason::kNotAVolume, "s"},
      {{{0x00280010}, "8", 1}, QuarantineReason::kNotReadable, "s/001.dcm"},
      {{{0x00200032}, "-10\\20\\-21.5", 2}, QuarantineReason::kUnevenSlices, "s"},
      {{{0x00200032}, "-10\\20\\5", 4}, QuarantineReason::kMissingSlices, "s"},
      {{{0x00200032}, "-10\\20\\-18", 4}, QuarantineReason::kDuplicateSlices, "s"},
      {{{0x00100020}, "P2", 1}, QuarantineReason::kUnevenSlices, "s"},
      {{{0x00541001}, "CNTS"}, QuarantineReason::kNoSuv, "s"},
  };
  for (const Row& row : rows) {
    SeriesFiles files;
    files.edits = {row.edit};
    WriteSeries(folder_ / "s", files);
    const SeriesScan scan = ScanFolder(folder_ / "s");
    ASSERT_EQ(scan.rejected.size(), 1u);
    const RejectedSeries& bad = scan.rejected.front();
    EXPECT_EQ(Name(bad.fault.reason), Name(row.reason)) << bad.fault.words;
    EXPECT_EQ(bad.place, folder_ / row.place) << bad.fault.words;
    EXPECT_EQ(bad.patient_id.Reveal(), "P1");
    EXPECT_EQ(bad.study_uid.Reveal(), "1.2.3.1");
  }
}

TEST_F(SeriesReaderTest, ADamagedFileSaysWhoseItIsAsFarAsItGoes) {
  const auto written = WriteSeries(folder_ / "s", {});
  const std::string whole = ReadFileBytes(written[2]);
  WriteFileBytes(written[2], whole.substr(0, whole.size() - 10));
  SeriesScan scan = ScanFolder(folder_ / "s");
  ASSERT_EQ(scan.rejected.size(), 1u);
  EXPECT_EQ(scan.rejected[0].place, written[2]);
  EXPECT_EQ(scan.rejected[0].fault.reason, QuarantineReason::kNotReadable);
  EXPECT_EQ(scan.rejected[0].patient_id.Reveal(), "P1");
  EXPECT_EQ(scan.rejected[0].study_uid.Reveal(), "1.2.3.1");
  WriteFileBytes(written[2],
                 whole.substr(0, whole.find(std::string("\x20\0\x0E\0UI", 6)) + 3));  // at its SeriesInstanceUID
  scan = ScanFolder(folder_ / "s");
  for (const RejectedSeries& bad : scan.rejected) EXPECT_EQ(bad.patient_id.Reveal(), "P1") << bad.fault.words;
  EXPECT_EQ(scan.studies.at(0).files, 5);
}

// Files without a SeriesInstanceUID are no series, but patients are not thrown together.
TEST_F(SeriesReaderTest, NamelessSeriesOfTwoPatientsAreTwo) {
  SeriesFiles files;
  files.edits = {{{0x0020000E}, {}}};
  WriteSeries(folder_ / "a", files);
  files.patient = "P2";
  WriteSeries(folder_ / "b", files);
  const SeriesScan scan = ScanFolder(folder_.path());
  ASSERT_EQ(scan.rejected.size(), 2u);
  EXPECT_EQ(scan.rejected[0].patient_id.Reveal(), "P1");
  EXPECT_EQ(scan.rejected[1].patient_id.Reveal(), "P2");
}

TEST_F(SeriesReaderTest, EveryStudyIsSeen) {
  SeriesFiles pet, ct;
  pet.edits = {{{0x00080060}, "PT"}};
  ct.modality = Modality::kCt;
  ct.series = "1.2.3.1.2";
  ct.edits = {{{0x00080060}, "CT"}};
  WriteSeries(folder_ / "a/pet", pet);
  WriteSeries(folder_ / "a/ct", ct);
  SeriesFiles report;
  report.patient = "P2";
  report.study = "1.2.4";
  report.series = "1.2.4.1";
  report.geometry.size.z = 1;
  report.edits = {{{0x00080016}, "1.2.840.10008.5.1.4.1.1.88.67"}, {{0x00080060}, "SR"}};  // a dose report
  WriteSeries(folder_ / "b", report);
  const SeriesScan scan = ScanFolder(folder_.path());
  ASSERT_EQ(scan.studies.size(), 2u);
  const StudySeen &both = scan.studies[0], &alone = scan.studies[1];
  EXPECT_EQ(both.patient_id.Reveal(), "P1");
  EXPECT_EQ(both.study_date.Reveal(), "20200301");
  EXPECT_EQ(both.place, folder_ / "a/ct");
  EXPECT_EQ(both.modalities, (std::vector<std::string>{"CT", "PT"}));
  EXPECT_EQ(both.series, 2);
  EXPECT_EQ(both.files, 10);
  EXPECT_EQ(alone.study_uid.Reveal(), "1.2.4");
  EXPECT_EQ(alone.modalities, std::vector<std::string>{"SR"});
  EXPECT_EQ(alone.files, 1);
  EXPECT_EQ(scan.other_files, 1);
}

TEST_F(SeriesReaderTest, MixedFoldersAreSorted) {
  SeriesFiles pet, ct;
  ct.modality = Modality::kCt;
  ct.series = "1.2.3.1.2";
  WriteSeries(folder_.path() / "a/b", pet);
  WriteSeries(folder_.path() / "a/b", [&] {
    SeriesFiles other = ct;
    other.shuffled = true;  // the same names: written after, they replace nothing that is needed below
    return other;
  }());
  WriteSeries(folder_.path() / "c", pet);
  WriteFileBytes(folder_.path() / "notes.txt", "not DICOM");
  WriteFileBytes(folder_.path() / ".hidden", "not DICOM");
  std::filesystem::create_directories(folder_.path() / ".cache");
  WriteFileBytes(folder_.path() / ".cache/x.dcm", "not DICOM");
  RtStruct drawn;
  drawn.file = folder_.path() / "rt.dcm";
  WriteRtStruct(drawn);
  std::int64_t seen = 0;
  ScanOptions options;
  options.progress = [&](std::int64_t done, std::int64_t all) {
    EXPECT_EQ(done, ++seen);
    EXPECT_EQ(all, 12);
  };
  const SeriesScan scan = ScanFolder(folder_.path(), options);
  EXPECT_EQ(seen, 12);
  ASSERT_EQ(scan.usable.size(), 2u);
  EXPECT_EQ(scan.usable[0].modality, Modality::kCt);
  EXPECT_EQ(scan.usable[1].modality, Modality::kPet);
  EXPECT_EQ(scan.structure_sets, std::vector{drawn.file});
  EXPECT_EQ(scan.other_files, 1);
  EXPECT_TRUE(scan.rejected.empty());
  ExpectError(ErrorCode::kFailedPrecondition, "holds 2 image series, not one", [&] { ReadSeries(folder_.path()); });
}

TEST_F(SeriesReaderTest, ErrorsSayWhatToDo) {
  ExpectError(ErrorCode::kNotFound, "no folder", [&] { ScanFolder(folder_.path() / "none"); });
  ExpectError(ErrorCode::kFailedPrecondition, "no PET, CT or MR series in", [&] { ReadSeries(folder_.path()); });
  SeriesFiles gap;
  gap.dropped = 1;
  WriteSeries(folder_.path() / "s", gap);
  ExpectError(ErrorCode::kFailedPrecondition, "cannot be used: missing slices", [&] { ReadSeries(folder_.path()); });
  std::stop_source stop;
  stop.request_stop();
  ScanOptions options;
  options.stop = stop.get_token();
  ExpectError(ErrorCode::kCancelled, "stopped", [&] { ScanFolder(folder_.path(), options); });
  ExpectError(ErrorCode::kInvalidArgument, "no files", [] { ReadSeriesFiles({}); });
}

TEST_F(SeriesReaderTest, FilesOfASeriesReadAgain) {
  SeriesFiles files;
  files.shuffled = true;
  const auto written = WriteSeries(folder_.path(), files);
  const Series series = ReadSeries(folder_.path());
  EXPECT_EQ(FilesOf(series), written);
  EXPECT_EQ(ReadSeriesFiles(written).geometry, series.geometry);
  std::filesystem::resize_file(written[2], std::filesystem::file_size(written[2]) - 10);
  ExpectError(ErrorCode::kDataLoss, written[2].filename().string(), [&] { ToVolume(series, SeriesKey("k")); });
}

}  // namespace
}  // namespace consilium
