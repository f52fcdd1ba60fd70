// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/pre_scan.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "imaging/dicom/series_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

constexpr std::uint32_t kOpen = 0xFFFFFFFF;

std::string Le(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string Tag(std::uint32_t tag) { return Le(tag >> 16, 2) + Le(tag & 0xFFFF, 2); }

// An element with any stated length, true or not.
std::string Implicit(std::uint32_t tag, std::uint32_t length, const std::string& value = {}) {
  return Tag(tag) + Le(length, 4) + value;
}
std::string Explicit(std::uint32_t tag, const std::string& vr, std::uint32_t length, const std::string& value = {}) {
  const bool wide = vr == "SQ" || vr == "OW" || vr == "UN";
  return Tag(tag) + vr + (wide ? Le(0, 2) + Le(length, 4) : Le(length, 2)) + value;
}

std::string File(const std::string& transfer_syntax, const std::string& dataset) {
  std::string uid = transfer_syntax;
  if (uid.size() % 2 == 1) uid.push_back('\0');
  return std::string(128, '\0') + "DICM" + Explicit(0x00020010, "UI", static_cast<std::uint32_t>(uid.size()), uid) +
         dataset;
}

const std::string kImplicitVr = "1.2.840.10008.1.2", kExplicitVr = "1.2.840.10008.1.2.1";

class PreScanTest : public testing::Test {
 protected:
  PreScan Of(const std::string& bytes) {
    std::ofstream(folder_.path() / "x.dcm", std::ios::binary) << bytes;
    values_ = {};
    return PreScanFile(OpenFile(folder_.path() / "x.dcm"), {}, &values_);
  }
  std::string SeriesUid() const { return values_.top.Text(tag::kSeriesUid); }
  // The whole reader must name the file and go on, never crash.
  void ExpectRejected(const std::string& bytes, const std::string& words) {
    EXPECT_NE(Of(bytes).fault.find(words), std::string::npos) << Of(bytes).fault << "\nexpected: " << words;
    const SeriesScan scan = ScanFolder(folder_.path());
    ASSERT_EQ(scan.rejected.size(), 1u);
    EXPECT_NE(scan.rejected.front().fault.words.find(words), std::string::npos);
  }
  TemporaryFolder folder_;
  FileValues values_;
};

std::string NestOpen(int depth, bool is_explicit) {
  std::string out;
  for (int i = 0; i < depth; ++i) {
    out +=
        (is_explicit ? Explicit(0x00081115, "SQ", kOpen) : Implicit(0x00081115, kOpen)) + Implicit(0xFFFEE000, kOpen);
  }
  for (int i = 0; i < depth; ++i) out += Implicit(0xFFFEE00D, 0) + Implicit(0xFFFEE0DD, 0);
  return out;
}

std::string NestDefined(int depth, bool is_explicit) {
  std::string out;
  for (int i = 0; i < depth; ++i) {
    out = Implicit(0xFFFEE000, static_cast<std::uint32_t>(out.size()), out);
    const auto length = static_cast<std::uint32_t>(out.size());
    out = is_explicit ? Explicit(0x00081115, "SQ", length, out) : Implicit(0x00081115, length, out);
  }
  return out;
}

TEST_F(PreScanTest, DepthIsLimitedForEveryKindOfSequence) {
  EXPECT_EQ(Of(File(kImplicitVr, NestOpen(64, false))).fault, "");
  EXPECT_EQ(Of(File(kExplicitVr, NestDefined(64, true))).fault, "");
  for (const int depth : {65, 1000, 20000}) {
    ExpectRejected(File(kImplicitVr, NestOpen(depth, false)), "nested deeper than 64");
    ExpectRejected(File(kExplicitVr, NestOpen(depth, true)), "nested deeper than 64");
  }
  ExpectRejected(File(kImplicitVr, NestDefined(200, false)), "nested deeper than 64");
  ExpectRejected(File(kExplicitVr, NestDefined(200, true)), "nested deeper than 64");
}

TEST_F(PreScanTest, LengthsMustLieInTheFile) {
  ExpectRejected(File(kImplicitVr, Implicit(0x00100010, 0x7FFFFFFF, "AB")), "the file ends inside (0010,0010)");
  ExpectRejected(File(kImplicitVr, Implicit(0x7FE00010, 0xFFFFFFFE, "AB")), "the file ends inside (7FE0,0010)");
  ExpectRejected(File(kExplicitVr, Explicit(0x00081115, "SQ", 40, Implicit(0xFFFEE000, 8, std::string(8, 'x')))),
                 "the file ends inside (0008,1115)");
  ExpectRejected(File(kExplicitVr, Explicit(0x00081115, "SQ", 10, Implicit(0xFFFEE000, 30, std::string(30, 'x')))),
                 "reaches beyond the end of its sequence");
  ExpectRejected(File(kExplicitVr, std::string("\x10\0", 2)), "the file ends inside");
  ExpectRejected(File(kExplicitVr, Explicit(0x00081115, "SQ", kOpen)), "the file ends inside");
}

TEST_F(PreScanTest, NamesTransferSyntaxesThatAreNotRead) {
  ExpectRejected(File("1.2.840.10008.1.2.4.201", ""),
                 "transfer syntax High-Throughput JPEG 2000 lossless (1.2.840.10008.1.2.4.201) is not read; export the "
                 "series as Explicit VR Little Endian");
  ExpectRejected(File("1.2.840.10008.1.2.4.102", ""), "MPEG-4 AVC/H.264 (1.2.840.10008.1.2.4.102) is not read");
  ExpectRejected(File("1.2.3.4", ""), "unknown transfer syntax 1.2.3.4; export");
  ExpectRejected(File("Miller^Anna", ""), "unknown transfer syntax; export");
  ExpectRejected(std::string(128, '\0') + "DICM", "missing tag TransferSyntaxUID (0002,0010)");
}

std::string Deflate(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(bytes.size() / 500 + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

TEST_F(PreScanTest, DeflatedDataSetsAreWalkedWithinLimits) {
  const std::string kDeflated = "1.2.840.10008.1.2.1.99", uid = Explicit(0x0020000E, "UI", 6, "1.2.34");
  const std::string pixels(40000, 'p');  // more than one buffer
  const std::string whole =
      Explicit(0x00081115, "SQ", kOpen) + Implicit(0xFFFEE0DD, 0) + uid + Explicit(0x7FE00010, "OW", 40000, pixels);
  const PreScan scan = Of(File(kDeflated, Deflate(whole)));
  EXPECT_EQ(scan.fault, "");
  EXPECT_EQ(SeriesUid(), "1.2.34");
  EXPECT_EQ(scan.pixels.bytes, 40000U);
  EXPECT_EQ(scan.pixels.offset, whole.size() - pixels.size()) << "counted in the inflated data set";
  const std::string packed = Deflate(whole);
  ExpectRejected(File(kDeflated, packed.substr(0, packed.size() - 4)),
                 "deflated data set is damaged or ends too early");
  ExpectRejected(File(kDeflated, ""), "deflated data set is damaged or ends too early");
  ExpectRejected(File(kDeflated, std::string(100, '\xFF')), "deflated data set is damaged or ends too early");
  ExpectRejected(File(kDeflated, Deflate(whole.substr(0, whole.size() - 10))), "the file ends inside (7FE0,0010)");
  ExpectRejected(File(kDeflated, Deflate(NestOpen(200, true))), "nested deeper than 64");
  std::ofstream(folder_.path() / "x.dcm", std::ios::binary) << File(kDeflated, Deflate(std::string(3 << 20, '\0')));
  PreScanLimits limits;
  limits.inflated_bytes = 1 << 20;
  EXPECT_EQ(PreScanFile(folder_.path() / "x.dcm", limits).fault,
            "its deflated data set is larger than any scanner writes");
}

TEST_F(PreScanTest, PixelsAreWrittenAsTheSyntaxSays) {
  ExpectRejected(File(kExplicitVr, Explicit(0x7FE00010, "OW", kOpen) + Implicit(0xFFFEE0DD, 0)),
                 "pixels in fragments, but an uncompressed transfer syntax");
  ExpectRejected(File("1.2.840.10008.1.2.4.90", Explicit(0x7FE00010, "OW", 4, "abcd")),
                 "pixels without fragments, but a compressed transfer syntax");
}

TEST_F(PreScanTest, OnlyRegularFilesAreOpened) {
  const std::filesystem::path fifo = folder_.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::filesystem::path& place : {fifo, folder_.path(), std::filesystem::path("/dev/zero")})
    ExpectError(ErrorCode::kNotFound, "cannot open " + place.string() + ": it is no regular file",
                [&] { PreScanFile(place); });
  ExpectError(ErrorCode::kNotFound, "No such file", [&] { PreScanFile(folder_.path() / "none"); });
}

TEST_F(PreScanTest, FindsPixelsAndSeries) {
  const std::string uid = Implicit(0x0020000E, 6, "1.2.34");
  const PreScan scan = Of(File(kImplicitVr, uid + Implicit(0x7FE00010, 4, "abcd")));
  EXPECT_EQ(scan.fault, "");
  EXPECT_EQ(SeriesUid(), "1.2.34");
  EXPECT_TRUE(scan.has_pixels);
  EXPECT_EQ(scan.pixels.bytes, 4u);
  EXPECT_EQ(scan.pixels.offset + 4, scan.checked_bytes);
  // A cut file still tells which series it belongs to.
  EXPECT_NE(Of(File(kImplicitVr, uid + Implicit(0x7FE00010, 400, "abcd"))).fault, "");
  EXPECT_EQ(SeriesUid(), "1.2.34");
}

TEST_F(PreScanTest, OtherFilesAreNoDicom) {
  EXPECT_FALSE(Of("").is_dicom);
  EXPECT_FALSE(Of(std::string(5000, 'x')).is_dicom);
}

}  // namespace
}  // namespace consilium
