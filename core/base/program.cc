// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/program.h"

#include <cstdio>
#include <exception>

#include "core/base/as_error.h"
#include "core/base/error.h"

namespace consilium {

const char* ProgramVersion() { return CONSILIUM_VERSION; }

int RunProgram(int argc, char** argv, const std::function<int()>& body) {
  const char* program = argc > 0 ? argv[0] : "consilium";
  try {
    return body();
  } catch (const std::exception& failure) {
    const Error error = AsError(failure);
    std::fflush(stdout);
    // An internal Error of our own has words already; what nobody foresaw has none.
    if (error.code() != ErrorCode::kInternal || dynamic_cast<const Error*>(&failure) != nullptr) {
      std::fprintf(stderr, "error: %s\n", error.Text().c_str());
      return 1;
    }
    std::fprintf(stderr, "error: %s\n  This is a bug of %s; please report it with the command that you gave.\n",
                 failure.what(), program);
    return 2;
  }
}

}  // namespace consilium
