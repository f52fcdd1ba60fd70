// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace consilium {

// What a reader (a clinician) needs to open a site node's panel: one small text file that the site makes
// (`consilium-site reader add NAME --out FILE`) and the desktop opens (`consilium-desktop --connect FILE`). Layout:
//   # comment lines
//   Panel: 127.0.0.1:39200
//   Site: north
//   Reader: dr-lee
//   -----BEGIN CERTIFICATE-----   the authority that signed the panel's and the reader's certificate
//   -----BEGIN CERTIFICATE-----   the reader's own
//   -----BEGIN PRIVATE KEY-----   the reader's key
struct ReaderFile {
  std::string panel;  // host:port
  std::string site;
  std::string reader;
  std::string authority_pem;
  std::string certificate_pem;
  std::string key_pem;  // private: never log or print it

  friend bool operator==(const ReaderFile&, const ReaderFile&) = default;
};

inline constexpr std::string_view kReaderFileSuffix = ".reader";

std::string ToText(const ReaderFile& file);  // parses back to an equal value

// Throws Error(kInvalidArgument) naming what is missing. `name` is for messages. At most 64 KiB.
ReaderFile ParseReaderFile(std::string_view text, std::string_view name);

// `place` is the file, or a folder that holds exactly one *.reader file (not searched deeper). Throws Error(kNotFound,
// kInvalidArgument).
ReaderFile ReadReaderFile(const std::filesystem::path& place);

// Makes the file with mode 0600, whole and durable or not at all. Throws Error(kAlreadyExists) rather than write over
// one, and Error as WriteFileDurably.
void WriteReaderFile(const std::filesystem::path& path, const ReaderFile& file);

}  // namespace consilium
