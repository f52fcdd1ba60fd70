// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/error.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace consilium {

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kDeadlineExceeded: return "deadline exceeded";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kAlreadyExists: return "already exists";
    case ErrorCode::kPermissionDenied: return "permission denied";
    case ErrorCode::kUnauthenticated: return "unauthenticated";
    case ErrorCode::kResourceExhausted: return "resource exhausted";
    case ErrorCode::kFailedPrecondition: return "failed precondition";
    case ErrorCode::kAborted: return "aborted";
    case ErrorCode::kOutOfRange: return "out of range";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kDataLoss: return "data loss";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

Error::Error(ErrorCode code, const std::string& what, std::string next_step, SourceLocation where)
    : std::runtime_error(what), code_(code), next_step_(std::move(next_step)), where_(where) {}

std::string Error::Text() const {
  return next_step_.empty() ? std::string(what()) : std::string(what()) + "\n  " + next_step_;
}

void Require(bool condition, const std::string& what, const std::string& next_step, SourceLocation where) {
  if (!condition) throw Error(ErrorCode::kInvalidArgument, what, next_step, where);
}

void Ensure(bool condition, std::string_view what, SourceLocation where) {
  if (condition) return;
  std::fprintf(stderr, "%s:%u: %.*s (a bug of the program; please report it)\n", where.file, where.line,
               static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace consilium
