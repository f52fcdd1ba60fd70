// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile image files: every one ends in a verdict or an Error, never in a crash, a hang or a volume made
// up.
#include <gtest/gtest.h>

#include <random>

#include "imaging/dicom/series_reader.h"
#include "tests/support/dicom_files.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

// Encoded by the writer of the test files, or by a program.
struct Compressed {
  Encoding encoding = Encoding::kExplicit;
  std::string tool;
};
const std::vector<Compressed> kCompressed = {{Encoding::kRle, {}},
                                             {Encoding::kJpegLossless, {}},
                                             {Encoding::kJpegLs, {}},
                                             {Encoding::kExplicit, "gdcmconv --j2k"}};

std::uint32_t Length(const std::string& bytes, std::size_t at) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    length |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return length;
}

void SetLength(std::string& bytes, std::size_t at, std::uint32_t length) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(length >> (8 * i));
}

// Where the one fragment of compressed pixels starts: after pixel data, the offset table and the item's header.
std::size_t FragmentOf(const std::string& bytes) {
  const std::size_t pixels = bytes.rfind(std::string("\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF", 12));
  const std::size_t table = pixels + 12;
  return table + 8 + Length(bytes, table + 4) + 8;
}

class HostileFilesTest : public testing::Test {
 protected:
  Series Write(SeriesFiles files, const std::string& tool = {}) {
    files.modality = Modality::kCt;
    fs::remove_all(folder_.path());
    files_ = WriteSeries(folder_.path(), files);
    if (!tool.empty()) ConvertFiles(tool, files_);
    good_ = ReadFileBytes(files_[1]);
    return ReadSeries(folder_.path());
  }
  // The pixels of the series with other bytes in its second file.
  void ReadWith(const std::string& bytes) {
    WriteFileBytes(files_[1], bytes);
    ToVolume(ReadSeries(folder_.path()), SeriesKey("k"));
  }
  TemporaryFolder folder_;
  std::vector<fs::path> files_;
  std::string good_;
};

TEST_F(HostileFilesTest, TruncatedCompressedPixelsAreNamed) {
  for (const Compressed& compressed : kCompressed) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(compressed.encoding) << compressed.tool);
    SeriesFiles files;
    files.encoding = compressed.encoding;
    files.geometry.size = {32, 32, 3};
    Write(files, compressed.tool);
    const std::size_t at = FragmentOf(good_);
    const std::uint32_t length = Length(good_, at - 4);
    ASSERT_GT(length, 200u);
    for (const std::uint32_t kept : {0u, 2u, 30u, length / 2, length - 40}) {
      SCOPED_TRACE(testing::Message() << kept << " of " << length);
      std::string cut = good_;
      cut.erase(at + kept / 2 * 2, length - kept / 2 * 2);
      SetLength(cut, at - 4, kept / 2 * 2);
      ExpectError(ErrorCode::kDataLoss, "cannot read the pixels of " + files_[1].string(), [&] { ReadWith(cut); });
    }
    std::string beyond = good_;
    SetLength(beyond, at - 4, length + 100);
    ExpectError(ErrorCode::kFailedPrecondition, "the file ends inside", [&] { ReadWith(beyond); });
  }
}

TEST_F(HostileFilesTest, ChangedCompressedBytesNeverCrash) {
  std::mt19937 random(20260302);
  for (const Compressed& compressed : kCompressed) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(compressed.encoding) << compressed.tool);
    SeriesFiles files;
    files.encoding = compressed.encoding;
    files.geometry.size = {16, 16, 2};
    Write(files, compressed.tool);
    const std::size_t at = FragmentOf(good_), length = Length(good_, at - 4);
    int refused = 0;
    for (int n = 0; n < 150; ++n) {
      std::string changed = good_;
      for (std::uint32_t c = 0; c < 1 + random() % 4; ++c) {
        changed[at + random() % (n % 2 == 0 ? std::min<std::size_t>(length, 64) : length)] =
            static_cast<char>(random());
      }
      try {
        ReadWith(changed);
      } catch (const Error& error) {
        EXPECT_NE(error.Text().find(files_[1].string()), std::string::npos);
        ++refused;
      }
    }
    EXPECT_GT(refused, 0);
  }
}

TEST_F(HostileFilesTest, SizesThatThePixelsDoNotHave) {
  for (const Compressed& compressed : kCompressed) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(compressed.encoding) << compressed.tool);
    SeriesFiles files;
    files.encoding = compressed.encoding;
    files.geometry.size = {16, 16, 2};
    Write(files, compressed.tool);
    for (const fs::path& file : files_) {
      std::string bytes = ReadFileBytes(file);
      for (const char element : {'\x10', '\x11'}) {  // rows, columns: 9000
        const std::string header{'\x28', '\0', element, '\0', 'U', 'S', '\2', '\0'};
        bytes.replace(bytes.find(header) + 8, 2, "\x28\x23");
      }
      WriteFileBytes(file, bytes);
    }
    const Series series = ReadSeries(folder_.path());
    EXPECT_EQ(series.geometry.size, (Size3{9000, 9000, 2}));
    ExpectError(ErrorCode::kDataLoss, "cannot read the pixels of", [&] { ToVolume(series, SeriesKey("k")); });
  }
}

TEST_F(HostileFilesTest, EveryCutOfAFileIsRefusedOrOther) {
  SeriesFiles files;
  files.geometry.size = {4, 4, 2};
  Write(files);
  for (std::size_t size = 0; size < good_.size(); size += size < 200 ? 7 : 3) {
    WriteFileBytes(files_[1], good_.substr(0, size));
    const SeriesScan scan = ScanFolder(folder_.path());
    EXPECT_TRUE(scan.usable.empty()) << size;
    EXPECT_EQ(scan.rejected.empty() ? std::int64_t{1} : std::int64_t{0}, std::int64_t{0}) << size;
  }
}

TEST_F(HostileFilesTest, ChangedHeaderBytesNeverCrash) {
  std::mt19937 random(7);
  SeriesFiles files;
  files.geometry.size = {4, 4, 2};
  for (const Encoding encoding : {Encoding::kExplicit, Encoding::kImplicit}) {
    files.encoding = encoding;
    Write(files);
    int changed_verdict = 0;
    for (int n = 0; n < 150; ++n) {
      std::string changed = good_;
      for (std::uint32_t c = 0; c < 1 + random() % 3; ++c)
        changed[132 + random() % (changed.size() - 132)] = static_cast<char>(random());
      WriteFileBytes(files_[1], changed);
      const SeriesScan scan = ScanFolder(folder_.path());
      for (const Series& series : scan.usable) ToVolume(series, SeriesKey("k"));
      changed_verdict += scan.usable.empty();
    }
    EXPECT_GT(changed_verdict, 30);
  }
}

}  // namespace
}  // namespace consilium
