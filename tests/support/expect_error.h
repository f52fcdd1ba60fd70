// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/base/error.h"

namespace consilium {

// Runs `action` and expects an Error of this code whose text (what and next step) holds `words`.
template <class Action>
void ExpectError(ErrorCode code, std::string_view words, Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(Name(error.code()), Name(code)) << error.Text();
    EXPECT_NE(error.Text().find(words), std::string::npos) << "expected: " << words << "\nin: " << error.Text();
    return;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "expected an Error with: " << words << "\nfound another exception: " << error.what();
    return;
  }
  ADD_FAILURE() << "expected an Error with: " << words << "\nnothing was thrown";
}

}  // namespace consilium
