// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "core/base/digest.h"
#include "core/base/ids.h"

namespace consilium {

// DICOM SEG files that wait to go to the hospital's PACS: a durable folder, one file for a case and model. A file is
// there whole or not at all.
class Outbox {
 public:
  explicit Outbox(std::filesystem::path dir);

  // `write(path)` makes the file; it appears under its name when that returns. The same case and model again replaces
  // it.
  std::filesystem::path Put(const CaseId& id, const Digest& model,
                            const std::function<void(const std::filesystem::path&)>& write) const;
  std::vector<std::filesystem::path> Waiting() const;  // by name

 private:
  const std::filesystem::path dir_;
};

}  // namespace consilium
