// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace consilium {

// A SHA-256 digest (FIPS 180-4): the name of every model, update and plan.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  std::string Hex() const;                      // 64 lower case digits
  std::string Short() const;                    // the first 12, for people
  static Digest FromHex(std::string_view hex);  // throws Error(kInvalidArgument)

  friend auto operator<=>(const Digest&, const Digest&) = default;
};

// SHA-256 over bytes that arrive in pieces. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Add(std::span<const std::byte> bytes);
  void Add(std::string_view text);
  Digest Finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest DigestOf(std::span<const std::byte> bytes);
Digest DigestOf(std::string_view text);
Digest DigestOfFile(const std::filesystem::path& file);  // throws Error(kNotFound, kDataLoss)

}  // namespace consilium
