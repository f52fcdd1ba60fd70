// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "site-node/library/case_record.h"

namespace consilium {

// The files of all label versions, kept by their digest: what a person drew is not lost when the file in the archive
// changes. One folder; files are only added.
class LabelShelf {
 public:
  explicit LabelShelf(std::filesystem::path dir);  // makes the folder; halves that killed programs left go

  // Copies the file, once; a kept one that was damaged is mended. Throws Error(kNotFound), Error(kResourceExhausted)
  // beyond 1 GiB.
  Digest Keep(const std::filesystem::path& file) const;
  // Where the file lies, to be read now. Throws Error(kDataLoss) if it is not what was kept: nothing is trained with
  // it.
  std::filesystem::path Open(const LabelVersion& label) const;
  bool IsWhole(const LabelVersion& label) const;

 private:
  std::filesystem::path PathOf(const Digest& digest, const std::filesystem::path& place) const;
  std::filesystem::path dir_;
};

}  // namespace consilium
