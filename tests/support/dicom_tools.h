// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

// Programs of DCMTK and GDCM, which write what no code of ours writes.
namespace consilium {

// Runs "dcmcjpeg +e1 FROM TO", "gdcmconv --j2k FROM TO", ...: a program with its options, and two files. A failure ends
// the test program, naming the call.
void ConvertFile(const std::string& tool, const std::filesystem::path& from, const std::filesystem::path& to);

// Converts files in their place.
void ConvertFiles(const std::string& tool, const std::vector<std::filesystem::path>& files);

}  // namespace consilium
