// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "core/model/model_update.h"

namespace consilium {

// An update file in the spool, mapped read-only: its header as values, its numbers read piece by piece, so that judging
// and summing need one piece of memory whatever the model's size. Movable, not copyable; reading is const and
// thread-safe.
class SpooledUpdate {
 public:
  // Throws Error(kInvalidArgument) when the file is no update; `name` begins the message.
  SpooledUpdate(const std::filesystem::path& file, const std::string& name);
  ~SpooledUpdate();
  SpooledUpdate(SpooledUpdate&& other) noexcept;
  SpooledUpdate& operator=(SpooledUpdate&&) = delete;

  const UpdateHeader& header() const { return header_; }
  std::int64_t count() const { return count_; }  // float32 numbers, all arrays one after the other in file order

  // values = numbers [first, first + values.size()).
  void Read(std::int64_t first, std::span<float> values) const;

 private:
  std::span<const std::byte> mapped_;
  UpdateHeader header_;
  std::int64_t count_ = 0;
};

}  // namespace consilium
