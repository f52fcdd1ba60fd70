// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/parameters.h"

namespace consilium {

// The safetensors layout (huggingface.co/docs/safetensors): 8-byte little-endian header length, JSON header, raw
// little-endian data. Read as data only; nothing is executed. Every check is made before anything is allocated:
// header at most 1 MiB, dtypes known, shapes non-negative and without overflow, offsets ordered, no hole, no
// overlap, no duplicate name, data exactly to the end of the file.

struct TensorEntry {
  std::string name;
  std::string dtype;  // "F32", "I64", ...
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // byte offsets into the data part
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;  // __metadata__
  std::vector<TensorEntry> tensors;             // in file order
  std::uint64_t data_begin = 0;                 // byte offset of the data part in the file
};

// Parses the start of a file of `file_size` bytes. `head` must hold at least the header. Throws
// Error(kInvalidArgument); `name` begins the message.
SafetensorsHeader ParseSafetensorsHeader(std::span<const std::byte> head, std::uint64_t file_size,
                                         std::string_view name);

struct ParametersFile {
  std::map<std::string, std::string> metadata;
  Parameters parameters;
};

enum class FiniteCheck { kRequire, kSkip };  // kRequire: a NaN or infinity is an error naming its array

// F32 arrays only; another dtype is an error that says so.
ParametersFile ParseParameters(std::span<const std::byte> bytes, std::string_view name,
                               FiniteCheck finite = FiniteCheck::kRequire);
ParametersFile ReadParametersFile(const std::filesystem::path& file, FiniteCheck finite = FiniteCheck::kRequire);

// Deterministic: the same parameters and metadata give the same bytes (metadata by key, arrays in order).
std::vector<std::byte> SerializeParameters(const Parameters& parameters,
                                           const std::map<std::string, std::string>& metadata);

}  // namespace consilium
