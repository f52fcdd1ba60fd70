// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "imaging/dicom/compressed_frame.h"
#include "imaging/dicom/transfer_syntax.h"

namespace consilium {

// Decodes one compressed frame (RLE, JPEG, JPEG-LS by DCMTK; JPEG 2000 by GDCM) after it was looked at by
// compressed_frame.h. The decoder is told nothing of the file but `format`. `pixels` takes rows * columns * bytes
// bytes, little endian. Empty if all is well, else why not. From any thread. Throws std::bad_alloc.
std::string DecodeFrame(const TransferSyntax& syntax, std::span<const std::uint8_t> frame, const FrameFormat& format,
                        std::span<char> pixels);

// GDCM's half of it.
std::string DecodeJpeg2000(std::span<const std::uint8_t> frame, const FrameFormat& format, std::span<char> pixels);

}  // namespace consilium
