// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

#include "core/base/error.h"

namespace consilium {

// Any failure in words, for the top of a thread and for a loop that has to go on: an Error as it is, too little memory
// as kResourceExhausted, a file system's failure as kUnavailable, everything else as kInternal.
Error AsError(const std::exception& failure);

}  // namespace consilium
