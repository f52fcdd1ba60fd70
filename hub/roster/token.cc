// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/roster/token.h"

#include <sys/random.h>

#include <array>
#include <cctype>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view kPrefix = "CONS";
constexpr std::size_t kSymbols = 24;  // of 5 bits

std::string CheckOf(std::string_view symbols) {
  const Digest digest = DigestOf("consilium invitation " + std::string(symbols));
  return {kAlphabet[digest.bytes[0] % 32], kAlphabet[digest.bytes[1] % 32]};
}

// The symbols as they are hashed: upper case, without separators, with the letters that people mix up replaced.
std::string Normalised(std::string_view typed) {
  std::string symbols;
  for (const char c : typed) {
    const char upper = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (upper == '-' || upper == ' ' || upper == '\n' || upper == '\r' || upper == '\t') continue;
    symbols += upper;
  }
  if (symbols.starts_with(kPrefix)) symbols.erase(0, kPrefix.size());
  for (char& c : symbols) {
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
  }
  return symbols;
}

}  // namespace

Secret MakeToken() {
  std::array<unsigned char, kSymbols> random{};
  Ensure(getrandom(random.data(), random.size(), 0) == static_cast<ssize_t>(random.size()), "no randomness");
  std::string symbols;
  for (const unsigned char byte : random) symbols += kAlphabet[byte % 32];
  std::string token(kPrefix);
  for (std::size_t i = 0; i < kSymbols; i += 4) token += "-" + symbols.substr(i, 4);
  return Secret(token + "-" + CheckOf(symbols));
}

Digest TokenDigest(std::string_view typed) {
  const std::string symbols = Normalised(typed.substr(0, 200));
  const Error wrong(ErrorCode::kInvalidArgument, "this is no invitation token: a character is wrong or missing",
                    "Type it again as it was read out: CONS, six groups of four characters, and two more.");
  if (symbols.size() != kSymbols + 2) throw wrong;
  if (symbols.find_first_not_of(kAlphabet) != std::string::npos) throw wrong;
  const std::string body = symbols.substr(0, kSymbols);
  if (CheckOf(body) != symbols.substr(kSymbols)) throw wrong;
  return DigestOf("consilium token " + body);
}

}  // namespace consilium
