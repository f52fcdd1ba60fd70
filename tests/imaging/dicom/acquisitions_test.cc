// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Several volumes, copies and images that belong to none in one SeriesInstanceUID.
#include "imaging/dicom/acquisitions.h"

#include <gtest/gtest.h>

#include <set>

#include "imaging/dicom/pseudonym.h"
#include "imaging/dicom/series_reader.h"
#include "tests/support/dicom_files.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kSopUid = 0x00080018, kSlope = 0x00281053, kPositionTag = 0x00200032,
                        kOrientationTag = 0x00200037;

class AcquisitionsTest : public testing::Test {
 protected:
  // Writes `files` into a folder of its own; part n has its own SOP Instance UIDs and its own values.
  void WritePart(int n, const std::vector<TagEdit>& edits, SeriesFiles files) {
    for (int k = 0; k < files.geometry.size.z; ++k)
      files.edits.push_back({{kSopUid}, "1.2.9." + std::to_string(n) + "." + std::to_string(k + 1), k});
    files.edits.push_back({{kSlope}, std::to_string(n)});
    files.edits.insert(files.edits.end(), edits.begin(), edits.end());
    WriteSeries(folder_ / ("part" + std::to_string(n)), files);
  }
  static SeriesFiles Ct() {
    SeriesFiles files;
    files.modality = Modality::kCt;
    return files;
  }
  SeriesScan Scan() const { return ScanFolder(folder_.path()); }
  // The words of the only rejection.
  std::string Rejection() const {
    const SeriesScan scan = Scan();
    EXPECT_TRUE(scan.usable.empty());
    return scan.rejected.size() == 1 ? scan.rejected.front().fault.words : "not one rejection";
  }
  TemporaryFolder folder_;
};

struct Apart {
  std::string name;
  std::uint32_t tag;
  std::vector<std::string> values;
  std::string words;
};

class EveryTag : public AcquisitionsTest, public testing::WithParamInterface<Apart> {};

TEST_P(EveryTag, TellsAcquisitionsApart) {
  const Apart& apart = GetParam();
  for (std::size_t n = 0; n < apart.values.size(); ++n)
    WritePart(static_cast<int>(n) + 1, {{{apart.tag}, apart.values[n]}}, Ct());
  const SeriesScan scan = Scan();
  EXPECT_TRUE(scan.rejected.empty()) << scan.rejected.front().fault.words;
  ASSERT_EQ(scan.usable.size(), apart.values.size());
  std::set<SeriesKey> keys;
  for (std::size_t n = 0; n < scan.usable.size(); ++n) {
    const Series& series = scan.usable[n];
    ASSERT_TRUE(SameGrid(series.geometry, Ct().geometry));
    for (std::int64_t k = 0; k < series.geometry.size.z; ++k) {  // all of one part, in order
      EXPECT_EQ(series.slices[static_cast<std::size_t>(k)].slope, static_cast<double>(n + 1));
      EXPECT_EQ(series.slices[static_cast<std::size_t>(k)].sop_instance_uid.Reveal(),
                "1.2.9." + std::to_string(n + 1) + "." + std::to_string(k + 1));
    }
    ASSERT_EQ(series.notes.size(), 1u);
    EXPECT_NE(series.notes[0].find(" of " + std::to_string(apart.values.size()) + " in its series, told apart by " +
                                   apart.words),
              std::string::npos)
        << series.notes[0];
    keys.insert(MakeSeriesKey(series, "0123456789abcdef"));
  }
  EXPECT_EQ(keys.size(), scan.usable.size()) << "each volume has a pseudonym of its own";
}

INSTANTIATE_TEST_SUITE_P(
    Acquisitions, EveryTag,
    testing::Values(Apart{"Acquisition", 0x00200012, {"1", "2"}, "AcquisitionNumber (0020,0012)"},
                    Apart{"ImageType",
                          0x00080008,
                          {"ORIGINAL\\PRIMARY\\AXIAL", "DERIVED\\SECONDARY\\AXIAL"},
                          "ImageType (0008,0008)"},
                    Apart{"Kernel", 0x00181210, {"B30f", "B70f"}, "ConvolutionKernel (0018,1210)"},
                    Apart{"Energy", 0x00180060, {"80", "140"}, "KVP (0018,0060)"},
                    Apart{"Echo", 0x00180086, {"1", "2", "3"}, "EchoNumbers (0018,0086)"},
                    Apart{"EchoTime", 0x00180081, {"2.3", "4.6"}, "EchoTime (0018,0081)"},
                    Apart{"TimePoint", 0x00200100, {"1", "2", "3"}, "TemporalPositionIdentifier (0020,0100)"},
                    Apart{"Trigger", 0x00181060, {"0", "250"}, "TriggerTime (0018,1060)"},
                    Apart{"Frame", 0x00541300, {"30000", "90000"}, "FrameReferenceTime (0054,1300)"},
                    Apart{"Time", 0x00080032, {"101500", "101800"}, "AcquisitionTime (0008,0032)"},
                    Apart{"Content", 0x00080033, {"101500.5", "101500.9"}, "ContentTime (0008,0033)"}),
    [](const auto& one) { return one.param.name; });

TEST_F(AcquisitionsTest, TwoTagsAtOnce) {
  int n = 0;
  for (const char* acquisition : {"1", "2"})
    for (const char* kernel : {"B30f", "B70f"})
      WritePart(++n, {{{0x00200012}, acquisition}, {{0x00181210}, kernel}}, Ct());
  const SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 4u);
  EXPECT_EQ(
      scan.usable[2].notes.at(0),
      "volume 3 of 4 in its series, told apart by AcquisitionNumber (0020,0012) and ConvolutionKernel (0018,1210)");
}

// SUV of all frames of a dynamic PET is by the scan's start, not by each frame's.
TEST_F(AcquisitionsTest, FramesOfADynamicPetShareTheScansStart) {
  SeriesFiles pet;
  for (int n = 1; n <= 3; ++n) {
    WritePart(n,
              {{{0x00541001}, "BQML"},
               {{0x00080031}, "120000"},
               {{0x00541300}, std::to_string(n * 60000)},
               {{0x00080032}, "11" + std::to_string(10 * n - 10 + 100).substr(1) + "00"}},
              pet);
  }
  const SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 3u);
  // Injected 10:00, first frame 11:00, half-life one hour: 70 kg over 175 MBq.
  for (int n = 1; n <= 3; ++n)
    EXPECT_NEAR(scan.usable[static_cast<std::size_t>(n) - 1].slices[0].slope, n * 4e-4, 1e-12);
}

TEST_F(AcquisitionsTest, TimesThatDifferFromSliceToSliceSplitNothing) {
  SeriesFiles files = Ct();
  for (int k = 0; k < 5; ++k) {
    files.edits.push_back({{0x00080032}, "10150" + std::to_string(k), k});
    files.edits.push_back({{0x00200012}, std::to_string(k), k});
    files.edits.push_back({{0x00080008}, k < 2 ? "ORIGINAL\\PRIMARY\\AXIAL" : "ORIGINAL\\PRIMARY\\AXIAL\\X", k});
  }
  WritePart(1, {}, files);
  const SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 1u);
  EXPECT_TRUE(scan.usable[0].notes.empty());
  EXPECT_FALSE(scan.usable[0].is_part);
  // Twice, with a time of its own in each slice: nothing tells which belong together.
  for (TagEdit& edit : files.edits) edit.value = edit.value->substr(0, 5) + "9" + std::to_string(edit.slice);
  WritePart(2, {}, files);
  EXPECT_EQ(Rejection(),
            "duplicate: 5 slices lie where another lies, with other pixels, and no tag tells which belong "
            "together");
}

// Neck and chest in one CT series; the beds of a PET are acquisitions too, but there slices are missing.
TEST_F(AcquisitionsTest, AGapBetweenAcquisitionsIsNoGapInThem) {
  SeriesFiles files = Ct();
  files.geometry.size.z = 9;
  files.dropped = 4;
  for (int k = 0; k < 9; ++k) files.edits.push_back({{0x00200012}, k < 4 ? "1" : "2", k});
  WriteSeries(folder_ / "s", files);
  const SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 2u);
  EXPECT_EQ(scan.usable[0].slices.size(), 4u);
  EXPECT_EQ(scan.usable[1].slices.size(), 4u);
  SeriesFiles pet = files;
  pet.modality = Modality::kPet;
  WriteSeries(folder_ / "s", pet);
  EXPECT_EQ(Rejection(), "missing slices: largest gap 8.0 mm, spacing 4.0 mm");
  // A rotation of the tube makes three slices: one of them is missing.
  fs::remove_all(folder_ / "s");
  files.geometry.size.z = 15;
  files.dropped = 5;
  for (int k = 0; k < 15; ++k) files.edits.push_back({{0x00200012}, std::to_string(k / 3), k});
  WriteSeries(folder_ / "s", files);
  EXPECT_EQ(Rejection(), "missing slices: largest gap 8.0 mm, spacing 4.0 mm");
}

TEST_F(AcquisitionsTest, StacksInTwoOrientationsAreTwoVolumes) {
  WritePart(1, {}, Ct());
  SeriesFiles coronal = Ct();
  coronal.geometry.direction = {{{1, 0, 0}, {0, 0, -1}, {0, 1, 0}}};
  coronal.geometry.size = {9, 8, 6};
  WritePart(2, {}, coronal);
  const SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 2u);
  EXPECT_EQ(scan.usable[0].notes.at(0), "volume 2 of 2 in its series, told apart by orientation and size");
}

TEST_F(AcquisitionsTest, CopiesAreTakenOnce) {
  SeriesFiles files;
  WriteSeries(folder_ / "a", files);
  WriteSeries(folder_ / "b", files);  // the whole series again, with the same UIDs
  SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 1u);
  EXPECT_EQ(scan.usable[0].slices.size(), 5u);
  EXPECT_EQ(scan.usable[0].notes, std::vector<std::string>{"5 copies of slices left out"});
  fs::remove_all(folder_ / "b");
  files.twice = 2;  // one slice again, with a UID of its own
  WriteSeries(folder_ / "a", files);
  scan = Scan();
  ASSERT_EQ(scan.usable.size(), 1u);
  EXPECT_EQ(scan.usable[0].notes, std::vector<std::string>{"1 copy of a slice left out"});
  // The same with other pixels.
  std::string bytes = ReadFileBytes(folder_ / "a/002-again.dcm");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  WriteFileBytes(folder_ / "a/002-again.dcm", bytes);
  EXPECT_EQ(Rejection(),
            "duplicate: 1 slices lie where another lies, with other pixels, and no tag tells which belong "
            "together");
  EditDicomFile(folder_ / "a/002-again.dcm", {{{kSopUid}, "1.2.3.1.1.7.3"}});
  EXPECT_EQ(Rejection(), "duplicate: 1 images are there twice, with different content");
}

struct Harmless {
  std::string name, image_type;
  bool colour;
  std::string words;
};

class EveryHarmlessImage : public AcquisitionsTest, public testing::WithParamInterface<Harmless> {};

// One more image in a series that is none of its slices; and a series of nothing but such images.
TEST_P(EveryHarmlessImage, IsLeftOut) {
  WriteSeries(folder_ / "s", Ct());
  SeriesFiles extra = Ct();
  extra.geometry.size.z = 1;
  extra.edits = {{{kSopUid}, "1.2.9.9"}, {{0x00080008}, GetParam().image_type}, {{kPositionTag}, {}}};
  if (GetParam().colour) extra.edits.push_back({{0x00280002}, "3"});
  WriteSeries(folder_ / "x", extra);
  const SeriesScan scan = Scan();
  EXPECT_TRUE(scan.rejected.empty()) << scan.rejected.front().fault.words;
  ASSERT_EQ(scan.usable.size(), 1u);
  EXPECT_EQ(scan.usable[0].slices.size(), 5u);
  ASSERT_EQ(scan.left_out.size(), 1u);
  EXPECT_EQ(scan.left_out[0].fault.words, "1 image left out: " + GetParam().words);
  EXPECT_EQ(scan.left_out[0].place, folder_ / "x/000.dcm");
  EXPECT_EQ(scan.left_out[0].study_uid.Reveal(), "1.2.3.1");
  fs::remove_all(folder_ / "s");
  EXPECT_TRUE(Scan().usable.empty());
  EXPECT_TRUE(Scan().rejected.empty());
  EXPECT_EQ(Scan().left_out.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Acquisitions, EveryHarmlessImage,
    testing::Values(Harmless{"Localizer", "ORIGINAL\\PRIMARY\\LOCALIZER\\CT_SOM5 TOP", false, "a localiser"},
                    Harmless{"Mip", "DERIVED\\SECONDARY\\MIP", false, "a derived projection (MIP)"},
                    Harmless{"Projection", "DERIVED\\SECONDARY\\PROJECTION IMAGE", false, "a derived projection"},
                    Harmless{"ScreenSave", "DERIVED\\SECONDARY\\SCREEN SAVE", true, "a screenshot"},
                    Harmless{"Dose", "DERIVED\\SECONDARY\\OTHER\\DOSE_INFO", true, "a dose sheet"},
                    Harmless{"Colour", "DERIVED\\SECONDARY", true, "a derived colour image"}),
    [](const auto& one) { return one.param.name; });

TEST_F(AcquisitionsTest, SecondaryCapturesAreLeftOut) {
  WriteSeries(folder_ / "s", Ct());
  SeriesFiles shots = Ct();
  shots.geometry.size.z = 2;
  shots.series = "1.2.3.1.8";
  shots.edits = {{{0x00080016}, "1.2.840.10008.5.1.4.1.1.7"}};
  WriteSeries(folder_ / "shots", shots);
  const SeriesScan scan = Scan();
  EXPECT_EQ(scan.usable.size(), 1u);
  EXPECT_TRUE(scan.rejected.empty());
  ASSERT_EQ(scan.left_out.size(), 1u);
  EXPECT_EQ(scan.left_out[0].fault.words, "2 images left out: a screenshot (secondary capture)");
  EXPECT_EQ(scan.left_out[0].place, folder_ / "shots");
  EXPECT_EQ(scan.other_files, 2);
}

// A localiser that does not say so: one image across the others. One that fills a place in the stack is a slice.
TEST_F(AcquisitionsTest, OneImageAcrossTheOthersIsLeftOut) {
  SeriesFiles files = Ct();
  files.geometry.size.z = 6;
  files.edits = {{{kOrientationTag}, "0\\1\\0\\0\\0\\-1", 5}};
  WriteSeries(folder_ / "s", files);
  const SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 1u);
  EXPECT_EQ(scan.usable[0].slices.size(), 5u);
  EXPECT_EQ(scan.left_out.at(0).fault.words, "1 image left out: across the others, a localiser");
  files.edits[0].slice = 3;
  WriteSeries(folder_ / "s", files);
  EXPECT_EQ(Rejection(), "mixed orientation: its slices do not lie in parallel");
}

// DERIVED\SECONDARY is what many scanners call their PET images: these are volumes.
TEST_F(AcquisitionsTest, DerivedVolumesStay) {
  for (const char* type : {"DERIVED\\SECONDARY", "DERIVED\\PRIMARY", "DERIVED\\SECONDARY\\REFORMATTED"}) {
    SeriesFiles files;
    files.edits = {{{0x00080008}, type}};
    WriteSeries(folder_ / "s", files);
    EXPECT_EQ(Scan().usable.size(), 1u) << type;
  }
}

TEST_F(AcquisitionsTest, MissingSlicesAtAnEndAreKnownByTheirNumber) {
  SeriesFiles files;
  files.edits = {{{0x00540081}, "5"}};
  WriteSeries(folder_ / "s", files);
  ASSERT_EQ(Scan().usable.size(), 1u);
  EXPECT_EQ(Scan().usable[0].notes, std::vector<std::string>{});
  fs::remove(folder_ / "s/004.dcm");
  const SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 1u);
  EXPECT_EQ(scan.usable[0].slices.size(), 4u);
  EXPECT_EQ(scan.usable[0].notes,
            std::vector<std::string>{"4 of the 5 slices that NumberOfSlices (0054,0081) names: the ends are missing"});
}

// Two time points of which one misses its last slice: what a tag tells apart must be complete, or it was no such split.
TEST_F(AcquisitionsTest, AnIncompletePartOfASeriesIsRefused) {
  const auto write = [&](int phase, const char* prefix) {
    SeriesFiles files;
    files.phase = phase;
    files.prefix = prefix;
    files.sop_root = files.series + ".7" + std::to_string(phase);
    files.edits = {{{0x00540081}, "5"}, {{0x00541300}, std::to_string(30000 + 60000 * phase)}};
    WriteSeries(folder_ / "s", files);
  };
  write(0, "a");
  write(1, "b");
  EXPECT_EQ(Scan().usable.size(), 2u);
  fs::remove(folder_ / "s/b004.dcm");
  EXPECT_NE(Rejection().find("duplicate"), std::string::npos) << Rejection();
}

TEST_F(AcquisitionsTest, AnUnreadableFileAtAnEndIsNotIgnored) {
  const std::string nothing;
  WriteSeries(folder_ / "s", Ct());
  for (const char* name : {"005.dcm", "7.dcm", "000.DCM.dcm", "notes.txt", "5.txt", "x005.dcm"}) {
    WriteFileBytes(folder_ / "s" / name, nothing);
    const bool like = std::string(name) == "005.dcm" || std::string(name) == "7.dcm";
    EXPECT_EQ(Scan().usable.size(), like ? 0u : 1u) << name;
    if (like) {
      EXPECT_EQ(Rejection(),
                "not readable: " + std::string(name) + ", by name a slice of this series that may be missing");
      EXPECT_EQ(Scan().rejected.at(0).fault.reason, QuarantineReason::kNotReadable);
    }
    fs::remove(folder_ / "s" / name);
  }
  // A PET that says that it is complete misses nothing.
  SeriesFiles pet;
  pet.edits = {{{0x00540081}, "5"}};
  WriteSeries(folder_ / "s", pet);
  WriteFileBytes(folder_ / "s/005.dcm", nothing);
  EXPECT_EQ(Scan().usable.size(), 1u);
}

// Two series in one folder, 000 to 004 and 010 to 014: only the neighbours of the unreadable file are in doubt, and
// none of them if a gap elsewhere tells where it belongs.
TEST_F(AcquisitionsTest, AnUnreadableFileIsHeldAgainstItsNeighboursOnly) {
  WriteSeries(folder_ / "s", Ct());
  SeriesFiles other = Ct();
  other.series = "1.2.3.1.5";
  for (const fs::path& file : WriteSeries(folder_ / "other", other))
    fs::rename(file, folder_ / "s" / ("01" + file.filename().string().substr(2)));
  WriteFileBytes(folder_ / "s/015.dcm", "");
  SeriesScan scan = Scan();
  ASSERT_EQ(scan.usable.size(), 1u);
  EXPECT_EQ(scan.usable[0].info.series_uid.Reveal(), "1.2.3.1.1");
  fs::remove(folder_ / "s/015.dcm");
  WriteFileBytes(folder_ / "s/013.dcm", "");  // between two slices of the other: it leaves a gap there
  scan = Scan();
  ASSERT_EQ(scan.usable.size(), 1u);
  ASSERT_EQ(scan.rejected.size(), 1u);
  EXPECT_EQ(scan.rejected.at(0).fault.words,
            "not readable: 013.dcm; so there are missing slices: largest gap 8.0 mm, spacing 4.0 mm");
}

}  // namespace
}  // namespace consilium
