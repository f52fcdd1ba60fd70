// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace consilium {

// Which series a file belongs to by its name: those whose files have the next lower and the next higher number, in the
// same folder and with equal text around their last number ("IM-0001-" 0023 ".dcm").
class NumberedNames {
 public:
  void Add(const std::filesystem::path& file, std::size_t series);
  std::set<std::size_t> Nearest(const std::filesystem::path& file) const;  // empty if no name is like it

 private:
  std::map<std::pair<std::string, std::string>, std::map<std::uint64_t, std::size_t>> series_;  // by text, by number
};

}  // namespace consilium
