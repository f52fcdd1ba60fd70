// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/transfer_syntax.h"

#include <algorithm>
#include <iterator>

namespace consilium {
namespace {

constexpr TransferSyntax kRead[] = {
    {.uid = "1.2.840.10008.1.2", .implicit_vr = true},
    {.uid = "1.2.840.10008.1.2.1"},
    {.uid = "1.2.840.10008.1.2.1.98", .coding = PixelCoding::kFragments},
    {.uid = "1.2.840.10008.1.2.1.99", .deflated = true},
    {.uid = "1.2.840.10008.1.2.2", .big_endian = true},
    {.uid = "1.2.840.10008.1.2.5", .coding = PixelCoding::kRle},
    {.uid = "1.2.840.10008.1.2.4.50", .coding = PixelCoding::kJpeg, .lossy = true},  // baseline, 8 bits
    {.uid = "1.2.840.10008.1.2.4.51", .coding = PixelCoding::kJpeg, .lossy = true},  // extended, 12 bits
    {.uid = "1.2.840.10008.1.2.4.53", .coding = PixelCoding::kJpeg, .lossy = true},  // spectral selection
    {.uid = "1.2.840.10008.1.2.4.55", .coding = PixelCoding::kJpeg, .lossy = true},  // full progression
    {.uid = "1.2.840.10008.1.2.4.57", .coding = PixelCoding::kJpeg},                 // lossless, any predictor
    {.uid = "1.2.840.10008.1.2.4.70", .coding = PixelCoding::kJpeg},                 // lossless, first-order prediction
    {.uid = "1.2.840.10008.1.2.4.80", .coding = PixelCoding::kJpeg},                 // JPEG-LS lossless
    {.uid = "1.2.840.10008.1.2.4.81", .coding = PixelCoding::kJpeg, .lossy = true},  // JPEG-LS near-lossless
    {.uid = "1.2.840.10008.1.2.4.90", .coding = PixelCoding::kJpeg2000},
    {.uid = "1.2.840.10008.1.2.4.91", .coding = PixelCoding::kJpeg2000, .lossy = true},
};

struct Refused {
  std::string_view uid, name;
};
constexpr Refused kRefused[] = {
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 multi-component lossless"},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 multi-component"},
    {"1.2.840.10008.1.2.4.94", "JPIP Referenced"},
    {"1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate"},
    {"1.2.840.10008.1.2.4.100", "MPEG2"},
    {"1.2.840.10008.1.2.4.101", "MPEG2"},
    {"1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264"},
    {"1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264"},
    {"1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264"},
    {"1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264"},
    {"1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264"},
    {"1.2.840.10008.1.2.4.107", "HEVC/H.265"},
    {"1.2.840.10008.1.2.4.108", "HEVC/H.265"},
    {"1.2.840.10008.1.2.4.110", "JPEG XL lossless"},
    {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG recompression"},
    {"1.2.840.10008.1.2.4.112", "JPEG XL"},
    {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 lossless"},
    {"1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 lossless with RPCL"},
    {"1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"},
    {"1.2.840.113619.5.2", "GE private big endian"},
};

}  // namespace

const TransferSyntax* FindTransferSyntax(std::string_view uid) {
  const auto* found = std::find_if(std::begin(kRead), std::end(kRead), [&](const auto& s) { return s.uid == uid; });
  return found == std::end(kRead) ? nullptr : found;
}

std::string WhyNotRead(std::string_view uid) {
  constexpr std::string_view kAdvice = "export the series as Explicit VR Little Endian";
  if (uid.empty()) return "missing tag TransferSyntaxUID (0002,0010)";
  const auto* known =
      std::find_if(std::begin(kRefused), std::end(kRefused), [&](const auto& r) { return r.uid == uid; });
  const bool is_uid = uid.find_first_not_of("0123456789.") == uid.npos;  // anything else is not repeated
  const std::string number = is_uid ? " " + std::string(uid) : "";
  if (known == std::end(kRefused)) return "unknown transfer syntax" + number + "; " + std::string(kAdvice);
  return "transfer syntax " + std::string(known->name) + " (" + std::string(uid) + ") is not read; " +
         std::string(kAdvice);
}

}  // namespace consilium
