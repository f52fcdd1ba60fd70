// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/program.h"

#include <cstdio>
#include <exception>

#include "core/base/error.h"

namespace consilium {

const char* ProgramVersion() { return CONSILIUM_VERSION; }

int RunProgram(int argc, char** argv, const std::function<int()>& body) {
  const char* program = argc > 0 ? argv[0] : "consilium";
  try {
    return body();
  } catch (const Error& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n", error.Text().c_str());
    return 1;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n  This is a bug of %s; please report it with the command that you gave.\n",
                 error.what(), program);
    return 2;
  }
}

}  // namespace consilium
