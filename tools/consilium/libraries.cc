// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/consilium/libraries.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "core/base/error.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

// Debian names some files by interface, not by version; these libraries tell theirs. They are opened for a moment.
struct VersionFunction {
  std::string_view library;
  const char* symbol;
};
constexpr std::array kVersionFunctions = {
    VersionFunction{"libsqlite3.so", "sqlite3_libversion"}, VersionFunction{"libsodium.so", "sodium_version_string"},
    VersionFunction{"libzstd.so", "ZSTD_versionString"},    VersionFunction{"libz.so", "zlibVersion"},
    VersionFunction{"libc.so", "gnu_get_libc_version"},
};

fs::path Resolved(const fs::path& file) {
  std::error_code error;
  fs::path real = fs::canonical(file, error);
  return error ? file : real;
}

// The wheel of LibTorch says its version in torch/version.py, beside torch/lib.
std::string TorchVersion(const fs::path& library) {
  std::ifstream in(library.parent_path().parent_path() / "version.py");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find('\'');
    if (line.starts_with("__version__") && first != std::string::npos) {
      return line.substr(first + 1, line.find('\'', first + 1) - first - 1);
    }
  }
  return {};
}

std::string OpenSslVersion(void* library) {
  // OpenSSL_version(0) is "OpenSSL 3.0.17 1 Jul 2025".
  const auto function = reinterpret_cast<const char* (*)(int)>(dlsym(library, "OpenSSL_version"));
  if (function == nullptr) return {};
  std::istringstream words(function(0));
  std::string name, version;
  words >> name >> version;
  return version;
}

std::string VersionFromItself(const std::string& name, const fs::path& file) {
  if (name.starts_with("libtorch") || name.starts_with("libc10")) return TorchVersion(file);
  const bool crypto = name.starts_with("libcrypto.so");
  const auto* known =
      std::ranges::find_if(kVersionFunctions, [&](const VersionFunction& v) { return name.starts_with(v.library); });
  if (!crypto && known == kVersionFunctions.end()) return {};
  const std::unique_ptr<void, int (*)(void*)> library(dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL), dlclose);
  if (library == nullptr) return {};
  if (crypto) return OpenSslVersion(library.get());
  const auto function = reinterpret_cast<const char* (*)()>(dlsym(library.get(), known->symbol));
  return function == nullptr ? "" : function();
}

SharedLibrary Describe(const std::string& name, const fs::path& found) {
  SharedLibrary library{.name = name, .file = Resolved(found), .version = {}};
  library.version = VersionFromItself(name, library.file);
  if (library.version.empty()) library.version = VersionFromName(library.file);
  return library;
}

bool IsElf(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, 4> magic{};
  in.read(magic.data(), magic.size());
  return in && std::string_view(magic.data(), 4) ==
                   "\x7f"
                   "ELF";
}

std::string Quoted(const fs::path& file) {
  std::string quoted = "'";
  for (const char c : file.string()) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// The number behind the last dash of "libITKCommon-5.2", or nothing.
std::string AfterDash(const std::string& stem) {
  const auto dash = stem.rfind('-');
  if (dash == std::string::npos || dash + 1 == stem.size()) return {};
  const std::string tail = stem.substr(dash + 1);
  return std::isdigit(static_cast<unsigned char>(tail.front())) != 0 ? tail : std::string();
}

// protobuf 3.x names its file by interface: libprotobuf.so.32.0.12 is 3.21.12, one interface number a minor version
// since 3.12 (its src/Makefile.am). Later ones (25.3.0) and other libraries: as they are.
std::string ProtobufVersion(const std::string& name, const std::string& numbers) {
  constexpr int kFirst = 23, kLast = 32, kMinorOfFirst = 12;
  int interface = 0, zero = 0, patch = 0;
  const bool three = std::sscanf(numbers.c_str(), "%d.%d.%d", &interface, &zero, &patch) == 3;
  if (!name.starts_with("libprotobuf") || !three || zero != 0 || interface < kFirst || interface > kLast)
    return numbers;
  return "3." + std::to_string(interface - kFirst + kMinorOfFirst) + "." + std::to_string(patch);
}

}  // namespace

std::string VersionFromName(const fs::path& file) {
  const std::string name = file.filename().string();
  const auto at = name.find(".so.");
  if (at != std::string::npos) {
    // libITKCommon-5.2.so.1: the number after the dash is the version, the one behind .so the interface.
    if (const std::string before = AfterDash(name.substr(0, at)); before.find('.') != std::string::npos) return before;
    const std::string version = name.substr(at + 4);
    // "17.3.6.7" is interface 17 of version 3.6.7 (DCMTK).
    return std::ranges::count(version, '.') < 3 ? ProtobufVersion(name, version)
                                                : version.substr(version.find('.') + 1);
  }
  const auto end = name.rfind(".so");
  return end == std::string::npos ? std::string() : AfterDash(name.substr(0, end));  // libc-2.36.so
}

std::vector<SharedLibrary> LoadedLibraries() {
  std::vector<fs::path> files;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t /*size*/, void* out) {
        const std::string_view name = info->dlpi_name;
        if (name.starts_with('/')) static_cast<std::vector<fs::path>*>(out)->emplace_back(name);
        return 0;
      },
      &files);
  std::vector<SharedLibrary> libraries;
  for (const fs::path& file : files) libraries.push_back(Describe(file.filename().string(), file));
  return libraries;
}

std::vector<SharedLibrary> ParseLoaderList(std::string_view text) {
  std::vector<SharedLibrary> libraries;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, arrow, file;
    words >> name >> arrow >> file;
    if (arrow == "=>" && file.starts_with('/')) {
      libraries.push_back(Describe(name, file));
    } else if (arrow == "=>") {
      libraries.push_back({.name = name, .file = {}, .version = {}});  // "=> not found"
    }
  }
  return libraries;
}

std::vector<SharedLibrary> LibrariesOf(const fs::path& program) {
  Require(IsElf(program), program.string() + " is no program of this system.", "Install Consilium again.");
  const std::string command = "LD_TRACE_LOADED_OBJECTS=1 " + Quoted(program) + " 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> piece{};
  while (pipe && std::fgets(piece.data(), static_cast<int>(piece.size()), pipe.get()) != nullptr) text += piece.data();
  return ParseLoaderList(text);
}

std::vector<std::string> FindDuplicates(std::span<const SharedLibrary> libraries) {
  struct Family {
    const char* prefix;
    const char* name;
  };
  constexpr std::array kFamilies = {Family{"libcudnn", "cuDNN"}, Family{"libnccl.", "NCCL"},
                                    Family{"libprotobuf.", "protobuf"}};
  std::vector<std::string> sentences;
  for (const Family& family : kFamilies) {
    std::set<std::string> folders;
    for (const SharedLibrary& library : libraries) {
      if (library.name.starts_with(family.prefix) && !library.file.empty()) {
        folders.insert(library.file.parent_path().string());
      }
    }
    if (folders.size() < 2) continue;
    std::string sentence = std::string(family.name) + " comes from " + std::to_string(folders.size()) + " folders:";
    for (const std::string& folder : folders) sentence += (folder == *folders.begin() ? " " : " and ") + folder;
    sentences.push_back(sentence);
  }
  return sentences;
}

}  // namespace consilium
