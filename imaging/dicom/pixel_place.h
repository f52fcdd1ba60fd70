// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "imaging/dicom/transfer_syntax.h"

namespace consilium {

// What tells one state of a file from another.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// Where the pixels of one image lie in its file. Found by the pre-scan, so the bytes are there.
struct PixelPlace {
  const TransferSyntax* syntax = nullptr;
  std::uint64_t offset = 0;   // of the pixel bytes, or of the first item of fragments (the offset table)
  std::uint64_t bytes = 0;    // of the pixels, or of all fragments together
  std::uint64_t dataset = 0;  // where the data set starts; if it is deflated, `offset` counts in the inflated one
  bool words = false;         // value representation OW: in big endian, pairs of bytes are swapped
  FileStamp stamp;            // of the file when it was looked at
};

}  // namespace consilium
