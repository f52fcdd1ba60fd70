// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace consilium {

// What another machine said, fit for messages, the audit and a terminal: at most `most` bytes, cut between two
// characters; control characters and bytes that are no UTF-8 (RFC 3629) become '?'. A message that holds text cut in
// the middle of a character cannot be read by anybody it is sent to.
std::string PlainWords(std::string_view text, std::size_t most);

}  // namespace consilium
