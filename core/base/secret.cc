// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/secret.h"

#include <sodium.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"

namespace consilium {

Secret::Secret(std::string_view text) : data_(std::make_unique<char[]>(text.size())), size_(text.size()) {
  std::copy(text.begin(), text.end(), data_.get());
}
Secret::~Secret() { Wipe(); }

Secret::Secret(Secret&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  data_ = std::move(other.data_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Secret::Wipe() {
  if (data_) sodium_memzero(data_.get(), size_);
}

bool Secret::Equals(std::string_view other) const {
  return other.size() == size_ && (size_ == 0 || sodium_memcmp(data_.get(), other.data(), size_) == 0);
}

Secret ReadSecretFile(const std::filesystem::path& file) {
  auto bytes = ReadFile(file, 4096);
  struct ::stat status {};
  const bool private_file = ::stat(file.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  const auto end = std::find_if(bytes.begin(), bytes.end(),
                                [](std::byte b) { return b == std::byte{'\n'} || b == std::byte{'\r'}; });
  Secret secret(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(end - bytes.begin())));
  sodium_memzero(bytes.data(), bytes.size());
  if (!private_file) {
    throw Error(ErrorCode::kPermissionDenied, "other users of this machine may read the secret in " + file.string(),
                "Run: chmod 600 " + file.string());
  }
  Require(!secret.empty(), "the secret file " + file.string() + " begins with an empty line",
          "Write the secret on its first line.");
  return secret;
}

}  // namespace consilium
