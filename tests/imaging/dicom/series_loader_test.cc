// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/series_loader.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "imaging/dicom/series_reader.h"
#include "tests/support/dicom_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

SeriesKey Key(const Series&) { return SeriesKey("k"); }

class SeriesLoaderTest : public testing::Test {
 protected:
  // Against the way in two steps, and a few voxels against what was written.
  void ExpectSame(const SeriesFiles& files) {
    fs::remove_all(folder_ / "s");
    WriteSeries(folder_ / "s", files);
    const LoadedSeries loaded = LoadSeries(folder_ / "s", Key);
    const Series series = ReadSeries(folder_ / "s");
    EXPECT_EQ(FilesOf(loaded.series), FilesOf(series));
    EXPECT_EQ(loaded.series.geometry, series.geometry);
    EXPECT_EQ(loaded.series.notes, series.notes);
    EXPECT_EQ(loaded.series.info.series_uid, series.info.series_uid);
    EXPECT_EQ(loaded.series.modality, series.modality);
    const Volume volume = ToVolume(series, SeriesKey("k"));
    EXPECT_EQ(loaded.volume.voxels, volume.voxels);
    EXPECT_EQ(loaded.volume.slope, volume.slope);
    EXPECT_EQ(loaded.volume.intercept, volume.intercept);
    EXPECT_EQ(loaded.volume.geometry, volume.geometry);
    EXPECT_EQ(loaded.volume.key, volume.key);
    const bool reversed = files.geometry.direction[2].z < 0;
    for (std::int64_t k = 0; k < files.geometry.size.z; ++k) {
      const std::int64_t at = reversed ? files.geometry.size.z - 1 - k : k;
      EXPECT_NEAR(static_cast<double>(loaded.volume.Value(3, 4, at)), files.Value(3, 4, k), 0.02) << k;
    }
  }

  // Both ways end in the same words.
  void ExpectSameError() {
    std::string words;
    ErrorCode code = ErrorCode::kInternal;
    try {
      ToVolume(ReadSeries(folder_ / "s"), SeriesKey("k"));
    } catch (const Error& error) {
      words = error.Text();
      code = error.code();
    }
    ASSERT_FALSE(words.empty());
    try {
      LoadSeries(folder_ / "s", Key);
      FAIL() << "loaded, but: " << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.Text(), words);
      EXPECT_EQ(error.code(), code);
    }
  }
  TemporaryFolder folder_;
};

TEST_F(SeriesLoaderTest, LoadsWhatTheTwoStepsGive) {
  for (const Encoding encoding :
       {Encoding::kExplicit, Encoding::kImplicit, Encoding::kRle, Encoding::kJpegLossless, Encoding::kJpegLs}) {
    for (const bool shuffled : {false, true}) {
      for (const bool reversed : {false, true}) {
        SCOPED_TRACE(testing::Message() << static_cast<int>(encoding) << shuffled << reversed);
        SeriesFiles files;
        files.encoding = encoding;
        files.shuffled = shuffled;
        if (reversed) files.geometry.direction = {{{1, 0, 0}, {0, 1, 0}, {0, 0, -1}}};
        ExpectSame(files);
      }
    }
  }
  SeriesFiles unsigned_16;
  unsigned_16.modality = Modality::kCt;
  unsigned_16.is_signed = false;
  ExpectSame(unsigned_16);
  SeriesFiles bytes;
  bytes.modality = Modality::kCt;
  bytes.bits_allocated = bytes.bits_stored = 8;
  ExpectSame(bytes);
}

TEST_F(SeriesLoaderTest, RefusesInTheSameWords) {
  fs::create_directories(folder_ / "s");
  ExpectSameError();  // empty
  SeriesFiles gap;
  gap.dropped = 2;
  WriteSeries(folder_ / "s", gap);
  ExpectSameError();
  fs::remove_all(folder_ / "s");
  auto written = WriteSeries(folder_ / "s", {});
  fs::resize_file(written[3], fs::file_size(written[3]) - 10);
  ExpectSameError();
  fs::remove_all(folder_ / "s");
  SeriesFiles jpeg;
  jpeg.encoding = Encoding::kJpegLossless;
  jpeg.geometry.size = {40, 40, 4};
  written = WriteSeries(folder_ / "s", jpeg);
  for (const std::size_t k : {1U, 3U}) {
    std::string bytes = ReadFileBytes(written[k]);
    bytes.replace(bytes.size() - 100, 92, std::string(92, '\0'));  // no end marker
    WriteFileBytes(written[k], bytes);
  }
  ExpectSameError();  // in the pixels: the first slice in order is named
  SeriesFiles other;
  other.series = "1.2.3.77";
  WriteSeries(folder_ / "s" / "other", other);
  WriteSeries(folder_ / "s", {});
  ExpectSameError();  // two series
  ExpectError(ErrorCode::kNotFound, "no folder", [&] { LoadSeries(folder_ / "none", Key); });
  ExpectError(ErrorCode::kInvalidArgument, "no files", [] { LoadSeriesFiles({}, Key); });
}

TEST_F(SeriesLoaderTest, ShowsTheFirstSliceBeforeTheOthersAreOpened) {
  SeriesFiles files;
  files.shuffled = true;
  const auto written = WriteSeries(folder_.path(), files);
  std::size_t first = 0;  // by name
  for (std::size_t k = 0; k < written.size(); ++k)
    if (written[k] < written[first]) first = k;
  WriteFileBytes(folder_ / "!notes.txt", "not DICOM, and before all slices by name");
  int shown = 0;
  LoadOptions options;
  options.first_slice = [&](const FirstSlice& slice) {
    ++shown;
    const auto k = static_cast<std::int64_t>(first);
    EXPECT_EQ(slice.columns, 9);
    EXPECT_EQ(slice.rows, 7);
    EXPECT_EQ(slice.column_spacing_mm, 2);
    EXPECT_EQ(slice.row_spacing_mm, 3);
    ASSERT_EQ(slice.voxels.size(), 63U);
    EXPECT_EQ(slice.voxels[9 * 4 + 2], files.Stored(2, 4, k));
    EXPECT_EQ(slice.slope, files.Slope(k));
    fs::remove(written[(first + 2) % written.size()]);
  };
  ExpectError(ErrorCode::kFailedPrecondition, "so there are missing slices",
              [&] { LoadSeries(folder_.path(), Key, options); });
  EXPECT_EQ(shown, 1);
}

TEST_F(SeriesLoaderTest, StopsBetweenFiles) {
  WriteSeries(folder_.path(), {});
  std::stop_source stop;
  LoadOptions options;
  options.stop = stop.get_token();
  options.first_slice = [&](const FirstSlice&) { stop.request_stop(); };
  ExpectError(ErrorCode::kCancelled, "stopped", [&] { LoadSeries(folder_.path(), Key, options); });
  std::stop_source later;
  options = {later.get_token(), {}};
  const auto stop_after_headers = [&](const Series&) {
    later.request_stop();
    return SeriesKey("k");
  };
  ExpectError(ErrorCode::kCancelled, "stopped", [&] { LoadSeries(folder_.path(), stop_after_headers, options); });
}

// The key is asked for between headers and pixels.
TEST_F(SeriesLoaderTest, AFileThatChangesMeanwhileIsRefused) {
  for (const Encoding encoding : {Encoding::kExplicit, Encoding::kRle}) {
    SeriesFiles files;
    files.encoding = encoding;
    const auto written = WriteSeries(folder_.path(), files);
    const auto change = [&](const Series&) {
      std::string bytes = ReadFileBytes(written[2]);
      WriteFileBytes(written[2], bytes + "x");
      return SeriesKey("k");
    };
    ExpectError(ErrorCode::kDataLoss, written[2].string() + ": it has changed since its header was read",
                [&] { LoadSeries(folder_.path(), change); });
  }
}

TEST_F(SeriesLoaderTest, MoreFilesThanMayBeOpen) {
  SeriesFiles files;
  files.geometry.size.z = 60;
  const auto written = WriteSeries(folder_.path(), files);
  const Volume volume = ToVolume(ReadSeries(folder_.path()), SeriesKey("k"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 40;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const Volume loaded = LoadSeriesFiles(written, Key).volume;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(loaded.voxels, volume.voxels);
}

}  // namespace
}  // namespace consilium
