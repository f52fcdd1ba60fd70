// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string_view>

namespace consilium {

// A passphrase, token or key. Its memory is wiped when it goes; it can be moved, not copied, printed, logged or
// compared with ==.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  // The secret itself: hand it to a cipher or a digest, never to a message. Valid as long as the object.
  std::string_view Reveal() const { return {data_.get(), size_}; }
  bool empty() const { return size_ == 0; }
  bool Equals(std::string_view other) const;  // in a time that does not depend on where they differ

  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  void Wipe();
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
};

// The first line of a file (at most 4 KiB). Throws Error(kNotFound) if it cannot be read, Error(kPermissionDenied) if
// other users of the machine may read it, Error(kInvalidArgument) if it is empty.
Secret ReadSecretFile(const std::filesystem::path& file);

}  // namespace consilium
