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

std::uint32_t BigEndian32(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(BigEndian16(bytes, at) << 16 | BigEndian16(bytes, at + 2));
}

// Where the end marker FF D9 ends, without the zeros that make a fragment even; 0 if there is none.
std::size_t EndOfImage(std::span<const std::uint8_t> frame) {
  std::size_t end = frame.size();
  while (end > 0 && frame[end - 1] == 0) --end;
  return end >= 4 && frame[end - 2] == 0xFF && frame[end - 1] == 0xD9 ? end : 0;
}

bool IsFrameHeader(std::uint8_t marker) {  // SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS
  if (marker == 0xF7) return true;
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// SIZ (T.800 A.5.1): its parameters start at 6, after the start marker, its own marker and its length.
std::string FaultOfSize(std::span<const std::uint8_t> frame, const FrameFormat& format) {
  if (frame.size() < 45 || BigEndian16(frame, 0) != 0xFF4F || BigEndian16(frame, 2) != 0xFF51)
    return "its compressed pixels are not JPEG 2000";
  const std::int64_t x1 = BigEndian32(frame, 8), y1 = BigEndian32(frame, 12);  // the image area
  const std::int64_t x0 = BigEndian32(frame, 16), y0 = BigEndian32(frame, 20);
  const std::int64_t tile_x = BigEndian32(frame, 24), tile_y = BigEndian32(frame, 28);
  const std::int64_t tile_x0 = BigEndian32(frame, 32), tile_y0 = BigEndian32(frame, 36);
  const int precision = (frame[42] & 0x7F) + 1;
  const bool same = x1 - x0 == format.columns && y1 - y0 == format.rows && BigEndian16(frame, 40) == 1 &&
                    frame[43] == 1 && frame[44] == 1 && precision <= 8 * format.bytes;
  if (!same) return kOtherSize;
  constexpr std::int64_t kMostTiles = 65535;
  const bool tiled = tile_x > 0 && tile_y > 0 && tile_x0 <= x0 && tile_y0 <= y0 && tile_x0 + tile_x > x0 &&
                     tile_y0 + tile_y > y0 &&
                     ((x1 - tile_x0 - 1) / tile_x + 1) * ((y1 - tile_y0 - 1) / tile_y + 1) <= kMostTiles;
  return tiled ? "" : "the tiles of its compressed pixels are not those of a JPEG 2000 image";
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
  const std::size_t end = EndOfImage(frame);
  if (end == 0) return kTooShort;
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

std::string FaultOfJpeg2000(std::span<const std::uint8_t> frame, const FrameFormat& format) {
  if (const std::string fault = FaultOfSize(frame, format); !fault.empty()) return fault;
  const std::size_t end = EndOfImage(frame);
  if (end == 0) return kTooShort;
  std::size_t at = 2;
  while (at + 12 <= end && BigEndian16(frame, at) != 0xFF90) {  // the main header, up to the first tile-part
    if (frame[at] != 0xFF) return "its compressed pixels are not JPEG 2000";
    const std::size_t length = BigEndian16(frame, at + 2);
    if (length < 2 || length > end - at - 2) return kTooShort;
    at += 2 + length;
  }
  while (at + 12 <= end && BigEndian16(frame, at) == 0xFF90) {
    const std::size_t length = BigEndian32(frame, at + 6);  // of the tile-part; 0: up to the end marker
    if (length == 0) return {};
    if (length < 14 || length > end - 2 - at) return kTooShort;
    at += length;
  }
  return at == end - 2 ? "" : kTooShort;
}

}  // namespace consilium
