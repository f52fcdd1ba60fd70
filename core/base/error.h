// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace consilium {

// Why something failed. Maps one to one to a gRPC status (proto/codec.h).
enum class ErrorCode {
  kCancelled,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kUnauthenticated,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnavailable,
  kDataLoss,
  kInternal,
};

std::string_view Name(ErrorCode code);

// The place of a call: `SourceLocation where = SourceLocation::Here()` as a last parameter is the caller's.
// Stands in for std::source_location, which clang 14 (clang-tidy, the fuzzers) does not have with libstdc++ 12.
struct SourceLocation {
  const char* file;
  unsigned line;

  static constexpr SourceLocation Here(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

// A failure with words for the person who has to act on it. `what()` says what failed and where
// (file, site, tag); `next_step()` says what to do. Neither ever holds patient data.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& what, std::string next_step = {},
        SourceLocation where = SourceLocation::Here());

  ErrorCode code() const { return code_; }
  const std::string& next_step() const { return next_step_; }
  const SourceLocation& where() const { return where_; }

  // "what" and, on a second line indented by two spaces, the next step.
  std::string Text() const;

 private:
  ErrorCode code_;
  std::string next_step_;
  SourceLocation where_;
};

// Checks what a caller or a file handed in; throws Error(kInvalidArgument).
void Require(bool condition, const std::string& what, const std::string& next_step = {},
             SourceLocation where = SourceLocation::Here());

// Checks our own logic; prints the place and aborts. Never for input.
void Ensure(bool condition, std::string_view what, SourceLocation where = SourceLocation::Here());

}  // namespace consilium
