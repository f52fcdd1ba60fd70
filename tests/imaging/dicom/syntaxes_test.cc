// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The same pixels in every transfer syntax that DCMTK and GDCM write, encoded by their own programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "imaging/dicom/series_reader.h"
#include "tests/support/dicom_files.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

struct Pixels {
  int allocated, stored;
  bool is_signed;
};
constexpr std::array kAll = {Pixels{16, 16, true},  Pixels{16, 16, false}, Pixels{16, 12, true},
                             Pixels{16, 12, false}, Pixels{8, 8, true},    Pixels{8, 8, false}};

std::string SyntaxOf(const fs::path& file) {
  const std::string bytes = ReadFileBytes(file);
  const std::size_t at = bytes.find(std::string("\x02\x00\x10\x00UI", 6));
  return bytes.substr(at + 8, static_cast<unsigned char>(bytes[at + 6]));
}

class SyntaxesTest : public testing::Test {
 protected:
  std::vector<fs::path> Write(const Pixels& pixels, const std::string& name) {
    SeriesFiles files;
    files.modality = Modality::kCt;
    files.geometry.size = {24, 17, 2};
    files.bits_allocated = pixels.allocated;
    files.bits_stored = pixels.stored;
    files.is_signed = pixels.is_signed;
    return WriteSeries(folder_ / name, files);
  }

  Volume Read(const std::string& name) { return ToVolume(ReadSeries(folder_ / name), SeriesKey("k")); }

  // `tool` writes the syntax `uid`, and what is read is what was written; or, where the coding is lossy, what `decoder`
  // makes of it.
  void ExpectEqual(const Pixels& pixels, const std::string& tool, const std::string& uid,
                   const std::string& decoder = {}) {
    SCOPED_TRACE(testing::Message() << tool << ", " << pixels.allocated << " / " << pixels.stored << " bits, signed "
                                    << pixels.is_signed);
    fs::remove_all(folder_ / "plain");
    fs::remove_all(folder_ / "coded");
    const auto plain = Write(pixels, "plain");
    const auto coded = Write(pixels, "coded");
    ConvertFiles(tool, coded);
    std::string syntax = SyntaxOf(coded[0]);
    while (!syntax.empty() && syntax.back() == '\0') syntax.pop_back();
    EXPECT_EQ(syntax, uid);
    const Volume read = Read("coded");
    EXPECT_TRUE(read.voxels != Read("plain").voxels || decoder.empty()) << "nothing was lost: choose other options";
    if (!decoder.empty()) {
      for (std::size_t k = 0; k < coded.size(); ++k) ConvertFile(decoder, coded[k], plain[k]);
    }
    Volume expected = Read("plain");
    if (pixels.stored == 12) {  // gdcmconv --raw says 16 bits stored, so the volume is shifted, and may go beyond 12
      const int moved = expected.intercept == read.intercept ? 0 : 32768;
      const int low = pixels.is_signed ? -2048 : 0;
      for (std::int16_t& voxel : expected.voxels)
        voxel = static_cast<std::int16_t>(std::clamp(voxel + moved, low, low + 4095));
      expected.intercept = read.intercept;
    }
    EXPECT_EQ(read.voxels, expected.voxels);
    EXPECT_EQ(read.intercept, expected.intercept);
  }
  TemporaryFolder folder_;
};

TEST_F(SyntaxesTest, UncompressedInEveryWriting) {
  for (const Pixels& pixels : kAll) {
    ExpectEqual(pixels, "dcmconv +ti", "1.2.840.10008.1.2");
    ExpectEqual(pixels, "dcmconv +te", "1.2.840.10008.1.2.1");
    ExpectEqual(pixels, "dcmconv +tb", "1.2.840.10008.1.2.2");
    ExpectEqual(pixels, "dcmconv +td", "1.2.840.10008.1.2.1.99");
    ExpectEqual(pixels, "dcmconv +td +cl 0", "1.2.840.10008.1.2.1.99");
  }
}

TEST_F(SyntaxesTest, LosslessByDcmtk) {
  for (const Pixels& pixels : kAll) {
    ExpectEqual(pixels, "dcmcrle", "1.2.840.10008.1.2.5");
    ExpectEqual(pixels, "dcmcjpeg +e1", "1.2.840.10008.1.2.4.70");
    for (const char* predictor : {"1", "6"})
      ExpectEqual(pixels, std::string("dcmcjpeg +el +sv ") + predictor, "1.2.840.10008.1.2.4.57");
    ExpectEqual(pixels, "dcmcjpls +el", "1.2.840.10008.1.2.4.80");
  }
}

TEST_F(SyntaxesTest, LosslessByGdcm) {
  for (const Pixels& pixels : kAll) {
    ExpectEqual(pixels, "gdcmconv --j2k", "1.2.840.10008.1.2.4.90");
    ExpectEqual(pixels, "gdcmconv --j2k -t 8,8", "1.2.840.10008.1.2.4.90");
    ExpectEqual(pixels, "gdcmconv --rle", "1.2.840.10008.1.2.5");
    if (!pixels.is_signed) {
      ExpectEqual(pixels, "gdcmconv --jpeg", "1.2.840.10008.1.2.4.70");
      ExpectEqual(pixels, "gdcmconv --jpegls", "1.2.840.10008.1.2.4.80");
    }
  }
}

TEST_F(SyntaxesTest, LossyAsItsOwnDecoderReadsIt) {
  for (const Pixels& pixels : kAll) {
    ExpectEqual(pixels, "gdcmconv --j2k --lossy -r 5", "1.2.840.10008.1.2.4.91", "gdcmconv --raw");
    if (!pixels.is_signed) ExpectEqual(pixels, "dcmcjpls +en +md 3", "1.2.840.10008.1.2.4.81", "dcmdjpls");
  }
  const Pixels eight{8, 8, false}, twelve{16, 12, false};
  ExpectEqual(eight, "dcmcjpeg +eb", "1.2.840.10008.1.2.4.50", "dcmdjpeg");
  for (const Pixels& pixels : {eight, twelve}) {
    ExpectEqual(pixels, "dcmcjpeg +ee", "1.2.840.10008.1.2.4.51", "dcmdjpeg");
    ExpectEqual(pixels, "dcmcjpeg +es", "1.2.840.10008.1.2.4.53", "dcmdjpeg");
    ExpectEqual(pixels, "dcmcjpeg +ep", "1.2.840.10008.1.2.4.55", "dcmdjpeg");
  }
}

TEST_F(SyntaxesTest, FramesInSeveralFragments) {
  SeriesFiles files;  // a slice of more than 1 kB compressed
  files.modality = Modality::kCt;
  files.geometry.size = {64, 64, 3};
  WriteSeries(folder_ / "plain", files);
  const Volume plain = Read("plain");
  for (const char* tool : {"dcmcjpeg +e1 +fs 1", "dcmcjpeg +e1 +fs 1 -ot", "dcmcjpls +el +fs 1", "dcmcrle +fs 1"}) {
    SCOPED_TRACE(tool);
    const auto coded = WriteSeries(folder_ / "coded", files);
    ConvertFiles(tool, coded);
    EXPECT_EQ(Read("coded").voxels, plain.voxels);
  }
}

// PS3.5 A.4.11, which neither DCMTK 3.6.7 nor GDCM 3.0 writes: made of an uncompressed file, with an extended offset
// table before the pixels.
TEST_F(SyntaxesTest, PlainPixelsInFragments) {
  for (const Pixels& pixels : {Pixels{16, 16, true}, Pixels{8, 8, false}}) {
    fs::remove_all(folder_ / "plain");
    fs::remove_all(folder_ / "coded");
    Write(pixels, "plain");
    const auto length = [](std::size_t n) {
      return std::string{static_cast<char>(n), static_cast<char>(n >> 8), static_cast<char>(n >> 16), '\0'};
    };
    for (const fs::path& file : Write(pixels, "coded")) {
      std::string bytes = ReadFileBytes(file);
      const std::string explicit_vr(
          "UI\x14\0"
          "1.2.840.10008.1.2.1\0",
          24);
      const std::string encapsulated(
          "UI\x16\0"
          "1.2.840.10008.1.2.1.98",
          26);
      bytes.replace(bytes.find(explicit_vr), explicit_vr.size(), encapsulated);
      const std::size_t pixels_at = bytes.rfind(std::string("\xE0\x7F\x10\0O", 5));
      const std::string value = bytes.substr(pixels_at + 12);
      bytes.resize(pixels_at);
      bytes += std::string("\xE0\x7F\x01\0OV\0\0\x08\0\0\0\0\0\0\0\0\0\0\0", 20);
      bytes += std::string("\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0", 20);
      const std::size_t half = value.size() / 4 * 2;
      for (const std::string& part : {value.substr(0, half), value.substr(half)})
        bytes += std::string("\xFE\xFF\0\xE0", 4) + length(part.size()) + part;
      bytes += std::string("\xFE\xFF\xDD\xE0\0\0\0\0", 8);
      WriteFileBytes(file, bytes);
    }
    EXPECT_EQ(Read("coded").voxels, Read("plain").voxels);
  }
}

TEST_F(SyntaxesTest, AFileThatChangedIsRefused) {
  for (const char* tool : {"dcmconv +te", "dcmconv +td", "gdcmconv --j2k"}) {
    const auto written = Write(kAll[0], "s");
    ConvertFiles(tool, written);
    const Series series = ReadSeries(folder_ / "s");
    ToVolume(series, SeriesKey("k"));
    const std::string bytes = ReadFileBytes(written[1]);
    WriteFileBytes(written[1], bytes + "x");
    ExpectError(ErrorCode::kDataLoss, written[1].string() + ": it has changed since its header was read",
                [&] { ToVolume(series, SeriesKey("k")); });
  }
}

}  // namespace
}  // namespace consilium
