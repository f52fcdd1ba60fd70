// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace consilium {

// How the pixels of a file are written.
enum class PixelCoding {
  kNative,     // plain numbers, one after another
  kFragments,  // plain numbers in fragments (Encapsulated Uncompressed)
  kRle,
  kJpeg,      // JPEG and JPEG-LS, lossy and lossless: decoded by DCMTK
  kJpeg2000,  // decoded by GDCM
};

// A transfer syntax that is read here (PS3.5 section 10 and Annex A).
struct TransferSyntax {
  std::string_view uid;
  PixelCoding coding = PixelCoding::kNative;
  bool implicit_vr = false;
  bool big_endian = false;
  bool lossy = false;     // or may be
  bool deflated = false;  // all that follows the file meta information is one deflate stream (RFC 1951)
};

// An entry of a static table, or null if the syntax is not read here; then WhyNotRead() says it in words that name it.
const TransferSyntax* FindTransferSyntax(std::string_view uid);
std::string WhyNotRead(std::string_view uid);

}  // namespace consilium
