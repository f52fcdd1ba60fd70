// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace consilium {

// One shared library as the loader found it.
struct SharedLibrary {
  std::string name;            // "libssl.so.3"
  std::filesystem::path file;  // links followed; empty: not found
  std::string version;         // "3.0.17", from the library itself or from its file's name; empty: unknown
  friend bool operator==(const SharedLibrary&, const SharedLibrary&) = default;
};

// The libraries in this process (dl_iterate_phdr), without the program and the kernel's.
std::vector<SharedLibrary> LoadedLibraries();

// The libraries that a program would start with: the loader is asked to list them instead of running it (as ldd does).
// Throws Error(kInvalidArgument) if the file is no program.
std::vector<SharedLibrary> LibrariesOf(const std::filesystem::path& program);

// What the loader printed, line by line: "\tlibz.so.1 => /lib/libz.so.1 (0x7f...)".
std::vector<SharedLibrary> ParseLoaderList(std::string_view text);

// The end of the real file's name: libgrpc++.so.1.51.1 -> "1.51.1".
std::string VersionFromName(const std::filesystem::path& file);

// Two copies of one library family in one process, which crash or silently mix: cuDNN, NCCL or protobuf from two
// folders. One sentence for each, naming both folders.
std::vector<std::string> FindDuplicates(std::span<const SharedLibrary> libraries);

}  // namespace consilium
