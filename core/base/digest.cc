// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.h"

#include <openssl/evp.h>

#include <fstream>
#include <vector>

#include "core/base/error.h"

namespace consilium {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string Digest::Hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(64);
  for (const std::uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string Digest::Short() const { return Hex().substr(0, 12); }

Digest Digest::FromHex(std::string_view hex) {
  Require(hex.size() == 64, "a digest has 64 hexadecimal digits, not " + std::to_string(hex.size()));
  Digest digest;
  for (std::size_t i = 0; i < 32; ++i) {
    const int high = HexValue(hex[2 * i]), low = HexValue(hex[2 * i + 1]);
    Require(high >= 0 && low >= 0, "a digest has hexadecimal digits only");
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  Ensure(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1,
         "OpenSSL has no SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Add(std::span<const std::byte> bytes) {
  Ensure(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1, "SHA-256 update failed");
}
void Sha256::Add(std::string_view text) { Add(std::as_bytes(std::span(text.data(), text.size()))); }

Digest Sha256::Finish() {
  Digest digest;
  Ensure(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), nullptr) == 1, "SHA-256 final failed");
  return digest;
}

Digest DigestOf(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return hash.Finish();
}
Digest DigestOf(std::string_view text) { return DigestOf(std::as_bytes(std::span(text.data(), text.size()))); }

Digest DigestOfFile(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(ErrorCode::kNotFound, "cannot read " + file.string());
  Sha256 hash;
  std::vector<char> buffer(std::size_t{1} << 20);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.Add(std::string_view(buffer.data(), static_cast<std::size_t>(in.gcount())));
  }
  if (in.bad()) throw Error(ErrorCode::kDataLoss, "cannot read " + file.string() + " to its end");
  return hash.Finish();
}

}  // namespace consilium
