// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "imaging/dicom/pixel_place.h"

namespace consilium {

// A regular file, open for reading at any offset from any thread. Closed with the object.
class OpenFile {
 public:
  // Throws Error(kNotFound) naming the file if it cannot be opened or is no regular file. Never waits for a FIFO.
  explicit OpenFile(std::filesystem::path path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const FileStamp& stamp() const { return stamp_; }  // when it was opened
  FileStamp StampNow() const;                        // all zero if that cannot be told
  std::uint64_t size() const { return stamp_.size; }

  // How many bytes were read: fewer than asked for only at the end of the file or if the disk fails.
  std::size_t ReadAt(std::uint64_t offset, std::span<char> to) const;

 private:
  std::filesystem::path path_;
  int fd_;
  FileStamp stamp_;
};

}  // namespace consilium
