// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/data/sample.h"

namespace consilium {

// Prepared samples as files that are mapped, not read: a sample from here takes address space, and memory only while
// its voxels are looked at. One file for each case and key, DIR/CASE-KEY.sample, in which no name and no pseudonym is.
// A file is written whole under another name and renamed; nobody changes one that is there, and removing it does no
// harm to samples that are mapped. Whoever cuts a file in place while it is mapped ends the program (SIGBUS).
// Thread-safe; several processes may use one folder.
class SampleCache {
 public:
  // Makes the folder, and removes samples of the form that older programs wrote, and halves that killed ones left.
  // `most_bytes`: beyond it the samples that were not asked for the longest go, except the one just put.
  SampleCache(std::filesystem::path dir, std::uint64_t most_bytes);

  // The sample of a case that was put under this key: a digest of all it was made of (images, label, plan). Nothing if
  // none is there. A file that is damaged, cut or of another form is removed, the log says so, and nothing comes back:
  // header and voxels are checked against their digests each time.
  std::optional<Sample> Find(const CaseId& id, const Digest& key) const;

  // Writes the sample durably and returns it mapped. Throws Error of the disk.
  Sample Put(const Sample& sample, const Digest& key) const;

  void Drop(const CaseId& id) const;  // every sample of a case, and what killed writers left

 private:
  std::filesystem::path FileOf(const CaseId& id, const Digest& key) const;
  void Trim(const std::filesystem::path& keep) const;

  const std::filesystem::path dir_;
  const std::uint64_t most_bytes_;
};

}  // namespace consilium
