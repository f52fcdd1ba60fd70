// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace consilium {

struct Ran {
  int exit_code = -1;
  std::string out, err;
};

// Runs the program `consilium` with these words (already quoted for a shell) and keeps all that it says. `prefix` may
// set environment variables.
inline Ran RunConsilium(const std::string& words, const std::string& prefix = {}) {
  const std::filesystem::path errors =
      std::filesystem::path(testing::TempDir()) / ("consilium_err_" + std::to_string(getpid()));
  const std::string command = prefix + " '" CONSILIUM_PROGRAM "' " + words + " 2>'" + errors.string() + "'";
  Ran ran;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> piece{};
  while (std::fgets(piece.data(), static_cast<int>(piece.size()), pipe) != nullptr) ran.out += piece.data();
  const int status = pclose(pipe);
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  if (const std::unique_ptr<FILE, int (*)(FILE*)> in(std::fopen(errors.c_str(), "r"), std::fclose); in) {
    while (std::fgets(piece.data(), static_cast<int>(piece.size()), in.get()) != nullptr) ran.err += piece.data();
  }
  std::filesystem::remove(errors);
  return ran;
}

}  // namespace consilium
