// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/coded_concept.h"

#include <algorithm>

#include "core/base/error.h"

namespace consilium {
namespace {

std::string_view TakeWord(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

// Printable characters without what ends or splits a value in DICOM, TOML or a table.
bool Plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\' && c != '"'; });
}

}  // namespace

CodedConcept ParseCodedConcept(std::string_view text) {
  constexpr std::size_t kLongestCode = 16, kLongestMeaning = 64;  // DICOM SH and LO (PS3.5 6.2)
  std::string_view rest = text;
  CodedConcept out;
  if (Plain(text)) {
    out.scheme = TakeWord(rest);
    out.value = TakeWord(rest);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    out.meaning = rest.substr(0, rest.find_last_not_of(' ') + 1);
  }
  Require(!out.scheme.empty() && out.scheme.size() <= kLongestCode && !out.value.empty() &&
              out.value.size() <= kLongestCode && out.meaning.size() <= kLongestMeaning,
          "`" + std::string(text.substr(0, 100)) + "` is no code of a label",
          "Write scheme, value and meaning, such as \"SCT 108369006 Neoplasm\".");
  return out;
}

}  // namespace consilium
