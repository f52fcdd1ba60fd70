// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.h"

namespace consilium {

// A result that another program computed: tests/<folder>/oracles/<name>, made by tools/oracles.
inline std::filesystem::path OracleFile(const std::string& folder, const std::string& name) {
  return std::filesystem::path(CONSILIUM_TESTS_DIR) / folder / "oracles" / name;
}

inline nlohmann::json ReadOracleJson(const std::string& folder, const std::string& name) {
  std::ifstream in(OracleFile(folder, name));
  Ensure(in.good(), "an oracle file is missing");
  return nlohmann::json::parse(in);
}

}  // namespace consilium
