// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "core/base/secret.h"

namespace consilium {

// An invitation's one-time token, made to be read out by telephone: "CONS-7Q4M-...-X2". 120 random bits in Crockford's
// base 32 (no I, L, O, U), then two characters that catch a slip of the tongue. The hub keeps only its digest.
Secret MakeToken();

// Takes what a person typed: case, spaces and hyphens do not matter, O is 0, I and L are 1. Throws
// Error(kInvalidArgument) when it cannot be a token (wrong length, or the check characters do not fit).
Digest TokenDigest(std::string_view typed);

}  // namespace consilium
