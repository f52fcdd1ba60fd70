// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace consilium {

// What a compressed frame must hold, as the header of its file says.
struct FrameFormat {
  std::int64_t rows = 0, columns = 0;
  int bytes = 2;  // of one pixel
  int bits_stored = 16;
  bool is_signed = false;
};

// Looks at a compressed frame before a decoder may see it, because DCMTK 3.6.7 and OpenJPEG 2.5 take frames that end
// too early or have another size, and make up the missing pixels, or ask for memory by what the frame says. Empty if
// the frame is whole, else why not. Pure, needs no memory. RLE (PS3.5 Annex G): a segment for each byte of a pixel, and
// every segment has all its bytes.
std::string FaultOfRle(std::span<const std::uint8_t> frame, const FrameFormat& format);
// JPEG (ITU-T T.81) and JPEG-LS (T.87): one component of this size, and the end marker at the end.
std::string FaultOfJpeg(std::span<const std::uint8_t> frame, const FrameFormat& format);
// JPEG 2000 codestream (T.800 Annex A): one component of this size, not subsampled, in at most as many tiles as the
// standard allows, and tile-parts that end where they say, up to the end marker.
std::string FaultOfJpeg2000(std::span<const std::uint8_t> frame, const FrameFormat& format);

}  // namespace consilium
