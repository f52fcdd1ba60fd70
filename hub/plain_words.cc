// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/plain_words.h"

namespace consilium {
namespace {

// Bytes of the UTF-8 character that `text` begins with; 0: it begins with none. `text` is not empty.
std::size_t CharacterSize(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
  const auto follows = [&](std::size_t i) { return within(i, 0x80, 0xBF); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;  // a byte of a character's middle, or a longer form than needed
  if (first < 0xE0) return follows(1) ? 2 : 0;
  if (first < 0xF0) {
    const bool second = first == 0xE0 ? within(1, 0xA0, 0xBF) : first == 0xED ? within(1, 0x80, 0x9F) : follows(1);
    return second && follows(2) ? 3 : 0;
  }
  if (first > 0xF4) return 0;
  const bool second = first == 0xF0 ? within(1, 0x90, 0xBF) : first == 0xF4 ? within(1, 0x80, 0x8F) : follows(1);
  return second && follows(2) && follows(3) ? 4 : 0;
}

// U+0000 to U+001F and U+007F to U+009F.
bool MovesTheCursor(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

}  // namespace

std::string PlainWords(std::string_view text, std::size_t most) {
  std::string words;
  while (!text.empty()) {
    const std::size_t size = CharacterSize(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    const std::string_view shown = size == 0 || MovesTheCursor(character) ? std::string_view("?") : character;
    if (words.size() + shown.size() > most) break;
    words += shown;
    text.remove_prefix(character.size());
  }
  return words;
}

}  // namespace consilium
