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

// Whether a file has these bytes.
bool Holds(const std::filesystem::path& file, const Digest& digest) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(file, failed);
  if (failed || size > kLargestLabel) return false;
  return DigestOf(std::span<const std::byte>(ReadFile(file, kLargestLabel))) == digest;
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
  if (!Holds(kept, digest)) WriteFileDurably(kept, bytes, 0600);
  return digest;
}

bool LabelShelf::IsWhole(const LabelVersion& label) const {
  return Holds(PathOf(label.digest, label.place), label.digest);
}

std::filesystem::path LabelShelf::Open(const LabelVersion& label) const {
  const std::filesystem::path kept = PathOf(label.digest, label.place);
  if (Holds(kept, label.digest)) return kept;
  std::error_code failed;
  throw Error(ErrorCode::kDataLoss,
              "the library's copy of this label is " +
                  std::string(std::filesystem::exists(kept, failed) ? "damaged" : "missing") + ": " + kept.string(),
              "Add the same file again (consilium-site label add), or import the folder that holds it.");
}

// Readers tell a NIfTI by its name.
std::filesystem::path LabelShelf::PathOf(const Digest& digest, const std::filesystem::path& place) const {
  const char* end = EndsWith(place, ".nii.gz") ? ".nii.gz" : EndsWith(place, ".nii") ? ".nii" : ".dcm";
  return dir_ / (digest.Hex() + end);
}

}  // namespace consilium
