// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"

namespace consilium {

// The seam to the disk: the calls that can fail while something is written. Tests make the Nth of them fail.
class Disk {
 public:
  virtual ~Disk() = default;
  // Each as the POSIX call of that name: 0 or the bytes written, or -1 and errno.
  virtual std::int64_t Write(int fd, const void* bytes, std::size_t size) = 0;
  virtual int Sync(int fd) = 0;
  virtual int Rename(const char* from, const char* to) = 0;
};
Disk& SystemDisk();

// Reads a whole file; throws Error(kNotFound) or Error(kResourceExhausted) above `limit` bytes, before allocating.
std::vector<std::byte> ReadFile(const std::filesystem::path& file, std::uint64_t limit = std::uint64_t{1} << 34);
std::string ReadTextFile(const std::filesystem::path& file, std::uint64_t limit = std::uint64_t{1} << 20);

// Replaces a file so that after a crash it holds either the old bytes or the new: temporary file in the same folder,
// write, fsync, rename, fsync of the folder. `mode` as for open(2). Throws Error(kResourceExhausted) when the disk is
// full, Error(kPermissionDenied), Error(kNotFound) for a missing folder, Error(kDataLoss) for anything else of the
// disk.
void WriteFileDurably(const std::filesystem::path& file, std::span<const std::byte> bytes, unsigned mode = 0644,
                      Disk& disk = SystemDisk());
void WriteFileDurably(const std::filesystem::path& file, std::string_view text, unsigned mode = 0644,
                      Disk& disk = SystemDisk());

// Removes what writers that are dead left below a folder; never what another process is writing.
void RemoveTemporaries(const std::filesystem::path& dir);

// Content-addressed files: DIR/ab/abcdef... named by the SHA-256 of their bytes. Putting the same bytes twice is
// one file. Not thread-safe for the same digest from two processes; safe from several threads.
class FileStore {
 public:
  // Makes the folder if it is missing, and removes temporary files that a crash left in it.
  explicit FileStore(std::filesystem::path dir, Disk& disk = SystemDisk());

  Digest Put(std::span<const std::byte> bytes);
  // Takes over a file that lies on the same file system (a finished spool), without copying it.
  Digest Adopt(const std::filesystem::path& file);
  bool Has(const Digest& digest) const;
  std::filesystem::path PathOf(const Digest& digest) const;
  std::vector<std::byte> Get(const Digest& digest) const;  // checks the digest; Error(kDataLoss) if it differs
  void Remove(const Digest& digest);                       // nothing if it is not there

 private:
  void MakeFolderOf(const std::filesystem::path& path);
  std::filesystem::path dir_;
  Disk* disk_;
};

}  // namespace consilium
