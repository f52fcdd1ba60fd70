// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/as_error.h"

#include <filesystem>
#include <new>

namespace consilium {

Error AsError(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const Error*>(&failure)) return *error;
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr)
    return {ErrorCode::kResourceExhausted, "there is too little memory for it",
            "Close other programs, or use a machine with more memory."};
  if (dynamic_cast<const std::filesystem::filesystem_error*>(&failure) != nullptr)
    return {ErrorCode::kUnavailable, failure.what(), "Check the disk, the folder and its rights."};
  return {ErrorCode::kInternal, failure.what(), "This is a bug: please report it with these words."};
}

}  // namespace consilium
