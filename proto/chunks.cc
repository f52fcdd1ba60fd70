// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/chunks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

Error FileError(ErrorCode code, const std::string& doing, const std::filesystem::path& file) {
  return {code, "cannot " + doing + " " + file.filename().string() + ": " + std::strerror(errno)};
}

std::uint64_t SizeOf(int file, const std::filesystem::path& path) {
  struct stat status {};
  if (fstat(file, &status) != 0) throw FileError(ErrorCode::kDataLoss, "look at", path);
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

FileChunks::FileChunks(const std::filesystem::path& file, std::uint64_t offset)
    : name_(file.filename().string()), file_(open(file.c_str(), O_RDONLY | O_CLOEXEC)), offset_(offset) {
  if (file_ < 0) throw FileError(ErrorCode::kNotFound, "read", file);
  size_ = SizeOf(file_, file);
  if (offset > size_) {
    close(file_);
    throw Error(ErrorCode::kOutOfRange,
                "the file has " + std::to_string(size_) + " bytes; byte " + std::to_string(offset) + " was asked for");
  }
}

FileChunks::~FileChunks() { close(file_); }

std::optional<v1::Chunk> FileChunks::Next() {
  if (offset_ >= size_) return std::nullopt;
  v1::Chunk chunk;
  chunk.set_offset(offset_);
  chunk.set_total(size_);
  std::string& data = *chunk.mutable_data();
  data.resize(static_cast<std::size_t>(std::min(kChunkBytes, size_ - offset_)));
  for (std::size_t done = 0; done < data.size();) {
    const ssize_t n = pread(file_, data.data() + done, data.size() - done, static_cast<off_t>(offset_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw Error(ErrorCode::kDataLoss, "cannot read " + name_ + " to its end");
    done += static_cast<std::size_t>(n);
  }
  offset_ += data.size();
  return chunk;
}

PartialFile::PartialFile(const std::filesystem::path& file, std::uint64_t size, const Digest& digest)
    : path_(std::filesystem::absolute(file)), size_(size), digest_(digest) {
  std::error_code ignored;
  const auto space = std::filesystem::space(path_.parent_path(), ignored);
  file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) throw FileError(ErrorCode::kInternal, "write", path_);
  try {
    offset_ = SizeOf(file_, path_);
    if (offset_ > size_ && ftruncate(file_, 0) == 0) offset_ = 0;
    if (!ignored && space.available < size_ - offset_) {
      throw Error(ErrorCode::kResourceExhausted, "the disk has no room for " + std::to_string(size_) + " bytes",
                  "Free space where " + path_.parent_path().string() + " lies.");
    }
  } catch (...) {
    close(file_);
    throw;
  }
}

PartialFile::~PartialFile() { close(file_); }

void PartialFile::Append(const v1::Chunk& chunk) {
  const std::string& data = chunk.data();
  Require(data.size() <= kChunkBytes, "a chunk is larger than 1 MiB");
  if (chunk.offset() + data.size() <= offset_) return;
  if (chunk.offset() != offset_ || data.size() > size_ - offset_) {
    throw Error(ErrorCode::kOutOfRange, "a chunk of " + std::to_string(data.size()) + " bytes at " +
                                            std::to_string(chunk.offset()) + " does not go on at " +
                                            std::to_string(offset_) + " of " + std::to_string(size_));
  }
  for (std::size_t done = 0; done < data.size();) {
    const ssize_t n = pwrite(file_, data.data() + done, data.size() - done, static_cast<off_t>(offset_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw FileError(errno == ENOSPC ? ErrorCode::kResourceExhausted : ErrorCode::kDataLoss, "write", path_);
    done += static_cast<std::size_t>(n);
  }
  offset_ += data.size();
}

void PartialFile::Sync() {
  // The folder too: without its entry a durable file is lost.
  const int folder = open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool kept = folder >= 0 && fsync(file_) == 0 && fsync(folder) == 0;
  if (folder >= 0) close(folder);
  if (!kept) throw FileError(ErrorCode::kDataLoss, "keep", path_);
}

void PartialFile::Finish() {
  if (!full()) throw Error(ErrorCode::kDataLoss, "the file is not complete");
  Sync();
  if (DigestOfFile(path_) == digest_) return;
  if (ftruncate(file_, 0) != 0) throw FileError(ErrorCode::kDataLoss, "empty", path_);
  offset_ = 0;
  throw Error(ErrorCode::kDataLoss, "the bytes that arrived do not have the digest that was announced",
              "Send the whole file again.");
}

}  // namespace consilium
