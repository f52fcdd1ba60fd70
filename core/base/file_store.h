// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/digest.h"

namespace consilium {

// Reads a whole file; throws Error(kNotFound) or Error(kResourceExhausted) above `limit` bytes, before allocating.
std::vector<std::byte> ReadFile(const std::filesystem::path& file, std::uint64_t limit = std::uint64_t{1} << 34);

// Replaces a file so that after a crash it holds either the old bytes or the new: temporary file in the same folder,
// write, fsync, rename, fsync of the folder. `mode` as for open(2).
void WriteFileDurably(const std::filesystem::path& file, std::span<const std::byte> bytes, unsigned mode = 0644);
void WriteFileDurably(const std::filesystem::path& file, std::string_view text, unsigned mode = 0644);

// Content-addressed files: DIR/ab/abcdef... named by the SHA-256 of their bytes. Putting the same bytes twice is
// one file. Not thread-safe for the same digest from two processes; safe from several threads.
class FileStore {
 public:
  explicit FileStore(std::filesystem::path dir);

  Digest Put(std::span<const std::byte> bytes);
  bool Has(const Digest& digest) const;
  std::filesystem::path PathOf(const Digest& digest) const;
  std::vector<std::byte> Get(const Digest& digest) const;  // checks the digest; Error(kDataLoss) if it differs
  void Remove(const Digest& digest);

 private:
  std::filesystem::path dir_;
};

}  // namespace consilium
