// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace consilium {

// "0.1.0": the release that all programs of a build belong to.
const char* ProgramVersion();

// The top of every program: runs `body` and returns its exit code. An Error ends it with "error: <what>" and the next
// step on standard error and exit code 1; so do a folder without rights and too little memory (AsError). Any other
// exception is reported as a bug, exit code 2. Call it from main only.
int RunProgram(int argc, char** argv, const std::function<int()>& body);

}  // namespace consilium
