// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/compressed_frame.h"

namespace consilium {
namespace {

constexpr const char* kTooShort = "its compressed pixels end too early";
constexpr const char* kOtherSize = "its compressed pixels have another size than rows and columns say";

std::uint32_t LittleEndian32(std::span<const std::uint8_t> bytes, std::size_t at) {
  return bytes[at] | static_cast<std::uint32_t>(bytes[at + 1]) << 8 | static_cast<std::uint32_t>(bytes[at + 2]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 3]) << 24;
}

std::size_t BigEndian16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::size_t>(bytes[at] << 8 | bytes[at + 1]);
}

// Bytes that a PackBits segment unpacks to, counted up to `enough`.
std::int64_t UnpackedBytes(std::span<const std::uint8_t> segment, std::int64_t enough) {
  std::int64_t count = 0;
  std::size_t at = 0;
  while (at < segment.size() && count < enough) {
    const std::uint8_t control = segment[at++];
    if (control == 128) continue;  // nothing, by the standard
    const std::size_t run = control < 128 ? control + 1u : 257u - control;
    const std::size_t needed = control < 128 ? run : 1;
    if (needed > segment.size() - at) break;
    at += needed;
    count += static_cast<std::int64_t>(run);
  }
  return count;
}

bool IsFrameHeader(std::uint8_t marker) {  // SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS
  if (marker == 0xF7) return true;
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

}  // namespace

std::string FaultOfRle(std::span<const std::uint8_t> frame, const FrameFormat& format) {
  constexpr std::size_t kHeader = 64;
  if (frame.size() < kHeader) return kTooShort;
  const auto segments = static_cast<std::size_t>(format.bytes);
  if (LittleEndian32(frame, 0) != segments) return kOtherSize;
  for (std::size_t s = 0; s < segments; ++s) {
    const std::size_t first = LittleEndian32(frame, 4 + 4 * s);
    const std::size_t last = s + 1 < segments ? LittleEndian32(frame, 8 + 4 * s) : frame.size();
    if (first < kHeader || first > last || last > frame.size()) return kTooShort;
    const std::int64_t pixels = format.rows * format.columns;
    if (UnpackedBytes(frame.subspan(first, last - first), pixels) < pixels) return kTooShort;
  }
  return {};
}

std::string FaultOfJpeg(std::span<const std::uint8_t> frame, const FrameFormat& format) {
  std::size_t end = frame.size();
  while (end > 0 && frame[end - 1] == 0) --end;  // fragments have an even length
  if (end < 4 || frame[end - 2] != 0xFF || frame[end - 1] != 0xD9) return kTooShort;
  std::size_t at = 2;  // after the start marker
  while (at + 4 <= end && frame[at] == 0xFF) {
    const std::uint8_t marker = frame[at + 1];
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    const std::size_t length = BigEndian16(frame, at + 2);
    if (length < 2 || length > end - at - 2) return kTooShort;
    if (IsFrameHeader(marker)) {
      if (length < 8) return kTooShort;
      const auto rows = static_cast<std::int64_t>(BigEndian16(frame, at + 5));
      const auto columns = static_cast<std::int64_t>(BigEndian16(frame, at + 7));
      const int bytes = frame[at + 4] > 8 ? 2 : 1;
      const bool same = rows == format.rows && columns == format.columns && bytes <= format.bytes;
      return same && frame[at + 9] == 1 ? "" : kOtherSize;
    }
    at += 2 + length;
  }
  return "its compressed pixels are not JPEG";
}

}  // namespace consilium
