// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_labels.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"

namespace consilium {
namespace {

constexpr std::uint64_t kLargestLabel = std::uint64_t{1} << 30;

bool EndsWith(const std::filesystem::path& file, std::string_view end) {
  std::string name = file.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return name.ends_with(end);
}

}  // namespace

LabelShelf::LabelShelf(std::filesystem::path dir) : dir_(std::move(dir)) {
  std::filesystem::create_directories(dir_);
  RemoveTemporaries(dir_);
}

Digest LabelShelf::Keep(const std::filesystem::path& file) const {
  const std::vector<std::byte> bytes = ReadFile(file, kLargestLabel);
  const Digest digest = DigestOf(std::span<const std::byte>(bytes));
  const std::filesystem::path kept = PathOf(digest, file);
  std::error_code failed;
  if (std::filesystem::file_size(kept, failed) != bytes.size() || failed) WriteFileDurably(kept, bytes, 0600);
  return digest;
}

std::filesystem::path LabelShelf::PathOf(const LabelVersion& label) const { return PathOf(label.digest, label.place); }

// Readers tell a NIfTI by its name.
std::filesystem::path LabelShelf::PathOf(const Digest& digest, const std::filesystem::path& place) const {
  const char* end = EndsWith(place, ".nii.gz") ? ".nii.gz" : EndsWith(place, ".nii") ? ".nii" : ".dcm";
  return dir_ / (digest.Hex() + end);
}

}  // namespace consilium
