// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/outbox/outbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/file_store.h"

namespace consilium {

Outbox::Outbox(std::filesystem::path dir) : dir_(std::move(dir)) { std::filesystem::create_directories(dir_); }

std::filesystem::path Outbox::Put(const CaseId& id, const Digest& model,
                                  const std::function<void(const std::filesystem::path&)>& write) const {
  const std::filesystem::path file = dir_ / fmt::format("{}-{}.dcm", id.text(), model.Short());
  const std::filesystem::path part = std::filesystem::path(file) += ".part";
  write(part);
  WriteFileDurably(file, ReadFile(part), 0600);  // it names the patient: for the site's own account only
  std::filesystem::remove(part);
  return file;
}

std::vector<std::filesystem::path> Outbox::Waiting() const {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir_))
    if (entry.path().extension() == ".dcm") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace consilium
