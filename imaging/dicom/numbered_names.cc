// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/numbered_names.h"

#include <charconv>
#include <optional>

namespace consilium {
namespace {

struct NumberedName {
  std::pair<std::string, std::string> around;  // with the folder before
  std::uint64_t number = 0;
};

std::optional<NumberedName> Parse(const std::filesystem::path& file) {
  constexpr std::size_t kMostDigits = 18;  // of a UID the last ones
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string name = file.filename().string(), extension = file.extension().string();
  std::size_t end = name.size() - extension.size();
  if (end == 0 || (extension.size() > 1 && digit(extension[1]))) end = name.size();  // "1.2.840.77": no extension
  while (end > 0 && !digit(name[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && digit(name[begin - 1]) && end - begin < kMostDigits) --begin;
  if (begin == end) return std::nullopt;
  NumberedName out;
  out.around = {file.parent_path().string() + "/" + name.substr(0, begin), name.substr(end)};
  std::from_chars(name.data() + begin, name.data() + end, out.number);
  return out;
}

}  // namespace

void NumberedNames::Add(const std::filesystem::path& file, std::size_t series) {
  if (const auto name = Parse(file)) series_[name->around][name->number] = series;
}

std::set<std::size_t> NumberedNames::Nearest(const std::filesystem::path& file) const {
  const auto name = Parse(file);
  const auto like = name ? series_.find(name->around) : series_.end();
  if (like == series_.end()) return {};
  const auto above = like->second.lower_bound(name->number);
  std::set<std::size_t> nearest;
  if (above != like->second.end()) nearest.insert(above->second);
  if (above != like->second.begin()) nearest.insert(std::prev(above)->second);
  return nearest;
}

}  // namespace consilium
