// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/base/digest.h"
#include "proto/site.pb.h"

namespace consilium {

// Files on the wire: chunks of at most 1 MiB with their offset, so that each side goes on where it was.

inline constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;

// Reads a file chunk by chunk from `offset` on; one chunk in memory. Throws Error(kNotFound, kOutOfRange, kDataLoss).
class FileChunks {
 public:
  FileChunks(const std::filesystem::path& file, std::uint64_t offset);
  ~FileChunks();
  FileChunks(const FileChunks&) = delete;
  FileChunks& operator=(const FileChunks&) = delete;

  std::uint64_t size() const { return size_; }
  std::uint64_t offset() const { return offset_; }  // of the next chunk
  std::optional<v1::Chunk> Next();                  // nothing: the end

 private:
  std::string name_;
  int file_ = -1;
  std::uint64_t size_ = 0, offset_ = 0;
};

// A file that grows by chunks in their order and is complete when it has `size` bytes with the digest. What is there
// already when it is opened is kept: ask offset() and go on from there. Not thread-safe.
class PartialFile {
 public:
  // Throws Error(kResourceExhausted) when the disk has no room for the rest.
  PartialFile(const std::filesystem::path& file, std::uint64_t size, const Digest& digest);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  std::uint64_t offset() const { return offset_; }
  bool full() const { return offset_ == size_; }

  // Throws Error(kOutOfRange) for a gap or bytes beyond the size; a chunk that was already stored is skipped.
  void Append(const v1::Chunk& chunk);
  void Sync();  // fsync: offset() bytes are durable when it returns

  // fsync, then the digest is checked. Throws Error(kDataLoss) and starts over from nothing when it differs.
  void Finish();

 private:
  std::filesystem::path path_;
  std::uint64_t size_ = 0, offset_ = 0;
  Digest digest_;
  int file_ = -1;
};

}  // namespace consilium
