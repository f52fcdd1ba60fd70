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
};

// Looks at a compressed frame before DCMTK decodes it, because DCMTK 3.6.7 takes frames that end too early or have
// another size, and makes up the missing pixels. Empty if the frame is whole, else why not. Pure, needs no memory.
// RLE (PS3.5 Annex G): a segment for each byte of a pixel, and every segment has all its bytes.
std::string FaultOfRle(std::span<const std::uint8_t> frame, const FrameFormat& format);
// JPEG lossless (ITU-T T.81) and JPEG-LS (T.87): one component of this size, and the end marker at the end.
std::string FaultOfJpeg(std::span<const std::uint8_t> frame, const FrameFormat& format);

}  // namespace consilium
