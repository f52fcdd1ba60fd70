// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/reader_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"

namespace consilium {
namespace {

constexpr std::size_t kLimit = 64 * 1024;
constexpr std::string_view kAskForAnother =
    "Ask the hospital's IT for a new one: consilium-site reader add NAME --out FILE";

[[noreturn]] void Bad(std::string_view name, std::string_view why) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is not a reader file: {}", name, why),
              std::string(kAskForAnother));
}

std::string Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

void TakeHeader(std::string_view line, ReaderFile& file) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string key = Trimmed(line.substr(0, colon)), value = Trimmed(line.substr(colon + 1));
  if (key == "Panel") file.panel = value;
  if (key == "Site") file.site = value;
  if (key == "Reader") file.reader = value;
}

}  // namespace

std::string ToText(const ReaderFile& file) {
  return fmt::format(
      "# Consilium reader. Open with: consilium-desktop --connect FILE\n"
      "# It holds a private key: keep it to yourself, and never send it by e-mail.\n"
      "Panel: {}\nSite: {}\nReader: {}\n{}{}{}",
      file.panel, file.site, file.reader, file.authority_pem, file.certificate_pem, file.key_pem);
}

ReaderFile ParseReaderFile(std::string_view text, std::string_view name) {
  if (text.size() > kLimit) Bad(name, "it is larger than 64 KiB");
  ReaderFile file;
  std::vector<std::string> certificates;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.starts_with("-----BEGIN ")) {
      if (!line.starts_with('#')) TakeHeader(line, file);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      continue;
    }
    const auto close = text.find("-----END ");
    const auto stop = close == std::string_view::npos ? close : text.find("-----", close + 9);
    if (stop == std::string_view::npos) Bad(name, "a block has no end");
    const auto after = std::min(text.size(), stop + 5);
    const std::string block = std::string(text.substr(0, after)) + "\n";
    (line.find("PRIVATE KEY") != std::string_view::npos ? file.key_pem : certificates.emplace_back()) = block;
    text.remove_prefix(after);
  }
  if (file.panel.empty()) Bad(name, "the line `Panel: host:port` is missing");
  if (file.panel.find(':') == std::string::npos) Bad(name, fmt::format("`Panel: {}` has no port", file.panel));
  if (certificates.size() != 2) Bad(name, fmt::format("it holds {} certificates, not 2", certificates.size()));
  if (file.key_pem.empty()) Bad(name, "the private key is missing");
  file.authority_pem = certificates[0];
  file.certificate_pem = certificates[1];
  return file;
}

ReaderFile ReadReaderFile(const std::filesystem::path& place) {
  std::filesystem::path path = place;
  std::error_code ignored;
  if (std::filesystem::is_directory(place, ignored)) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(place))
      if (entry.path().extension() == kReaderFileSuffix) found.push_back(entry.path());
    if (found.size() != 1)
      throw Error(ErrorCode::kNotFound,
                  fmt::format("{} holds {} *.reader files, not one", place.string(), found.size()),
                  found.empty() ? std::string(kAskForAnother) : "Name the file itself.");
    path = found.front();
  }
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw Error(ErrorCode::kNotFound, fmt::format("cannot open the reader file {}: {}", path.string(), strerror(errno)),
                std::string(kAskForAnother));
  std::string text(kLimit + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return ParseReaderFile(text, path.filename().string());
}

void WriteReaderFile(const std::filesystem::path& path, const ReaderFile& file) {
  const int handle = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (handle < 0 && errno == EEXIST)
    throw Error(ErrorCode::kAlreadyExists, fmt::format("{} is there already", path.string()), "Choose another name.");
  if (handle < 0)
    throw Error(ErrorCode::kUnavailable, fmt::format("cannot write {}: {}", path.string(), strerror(errno)),
                "Check the folder, its rights and the room on the disk.");
  ::close(handle);  // the name is ours
  try {
    WriteFileDurably(path, ToText(file), 0600);
  } catch (const Error&) {
    ::unlink(path.c_str());
    throw;
  }
}

}  // namespace consilium
