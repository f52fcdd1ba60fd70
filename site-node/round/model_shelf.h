// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/base/digest.h"
#include "core/base/file_store.h"
#include "core/model/model_card.h"

namespace consilium {

// The global models that this site holds, as files named by their digest: the current one and a few before it.
// Thread-safe; several processes may look.
class ModelShelf {
 public:
  explicit ModelShelf(std::filesystem::path dir);

  // Where a model's file lies or will lie. `fetch(path)` is called to bring it when it is not there; it must make the
  // file whole or throw.
  std::shared_ptr<const GlobalModel> Get(const Digest& digest,
                                         const std::function<void(const std::filesystem::path&)>& fetch = {});

  // Takes in a model that was made here: a hospital's own version.
  Digest Put(const GlobalModel& model);

  // The model that predictions are made with now.
  void MakeCurrent(const Digest& model);  // and forgets all but the last few
  std::optional<Digest> Current() const;

 private:
  void ForgetOld(const Digest& keep) const;

  const std::filesystem::path dir_;
  FileStore files_;
  mutable std::mutex mutex_;
  std::shared_ptr<const GlobalModel> last_;  // guarded by mutex_
};

}  // namespace consilium
