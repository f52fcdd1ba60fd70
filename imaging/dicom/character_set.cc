// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/character_set.h"

#include <iconv.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace consilium {
namespace {

constexpr char kEscape = '\x1b';

// A set as the standard counts it (the number of its registration), what selects it inside a text, and its name for
// iconv(3).
struct CharacterSet {
  int number;
  std::string_view escape;
  const char* name;
};
constexpr CharacterSet kSets[] = {
    {6, "(B", "ASCII"},
    {100, "-A", "ISO-8859-1"},
    {101, "-B", "ISO-8859-2"},
    {109, "-C", "ISO-8859-3"},
    {110, "-D", "ISO-8859-4"},
    {144, "-L", "ISO-8859-5"},
    {127, "-G", "ISO-8859-6"},
    {126, "-F", "ISO-8859-7"},
    {138, "-H", "ISO-8859-8"},
    {148, "-M", "ISO-8859-9"},
    {203, "-b", "ISO-8859-15"},
    {166, "-T", "TIS-620"},
    {13, ")I", "CP932"},  // JIS X 0201, of which that is an extension
    {14, "(J", "CP932"},
    {87, "$B", "ISO-2022-JP-2"},  // keeps its escape sequence: it is one of the encoding's own
    {159, "$(D", "ISO-2022-JP-2"},
    {149, "$)C", "EUC-KR"},
    {58, "$)A", "GB2312"},
    {192, "", "UTF-8"},
};

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != kEscape; });
}

struct Close {
  void operator()(iconv_t converter) const { ::iconv_close(converter); }
};

// Nothing if the bytes are not of the set.
std::optional<std::string> Convert(std::string_view bytes, const char* from) {
  const iconv_t opened = ::iconv_open("UTF-8", from);
  if (opened == reinterpret_cast<iconv_t>(-1)) return std::nullopt;  // NOLINT: what iconv(3) says of a failure
  const std::unique_ptr<std::remove_pointer_t<iconv_t>, Close> converter(opened);
  std::string in(bytes), out(4 * bytes.size() + 16, '\0');
  char *from_here = in.data(), *to_here = out.data();
  std::size_t left = in.size(), room = out.size();
  if (::iconv(converter.get(), &from_here, &left, &to_here, &room) == static_cast<std::size_t>(-1) || left > 0)
    return std::nullopt;
  ::iconv(converter.get(), nullptr, nullptr, &to_here, &room);
  out.resize(out.size() - room);
  return out;
}

// "ISO_IR 100", "ISO 2022 IR 100", "ISO-IR 100", "GB18030": the first of several is that of the beginning.
const char* SetOf(std::string_view term) {
  term = term.substr(0, term.find('\\'));
  while (term.ends_with(' ')) term.remove_suffix(1);
  if (term.ends_with("GB18030")) return "GB18030";
  if (term.ends_with("GBK")) return "GBK";
  const std::size_t digits = term.find_last_not_of("0123456789") + 1;  // 0 where all are digits
  int number = 6;
  std::from_chars(term.data() + digits, term.data() + term.size(), number);
  const auto* found = std::ranges::find(kSets, number, &CharacterSet::number);
  return found == std::end(kSets) ? "ASCII" : found->name;
}

std::optional<std::string> ConvertAll(std::string_view text, std::string_view character_set) {
  const char* const first = SetOf(character_set);
  const char* name = first;
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(kEscape, 1), text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(end);
    if (part.front() == kEscape) {
      const auto* set = std::ranges::find_if(kSets, [&](const CharacterSet& one) {
        return !one.escape.empty() && part.substr(1).starts_with(one.escape);
      });
      if (set == std::end(kSets)) return std::nullopt;
      name = set->number == 6 ? first : set->name;  // ASCII replaces the lower half only
      if (set->name != std::string_view("ISO-2022-JP-2")) part.remove_prefix(1 + set->escape.size());
    }
    std::optional<std::string> converted = Convert(part, name);
    if (!converted) return std::nullopt;
    out += *converted;
  }
  return out;
}

}  // namespace

std::string ToUtf8(std::string_view text, std::string_view character_set) {
  if (IsAscii(text)) return std::string(text);
  if (auto converted = ConvertAll(text, character_set)) return std::move(*converted);
  if (auto same = Convert(text, "UTF-8")) return std::move(*same);
  return Convert(text, "ISO-8859-1").value_or(std::string());
}

}  // namespace consilium
