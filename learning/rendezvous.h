// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace consilium {

// The sockets by which the processes of a ProcessGroup find each other. Torch by itself listens on every address of the
// machine; these bind to one.

// The numeric address of a host, IPv4 before IPv6. Throws Error(kInvalidArgument).
std::string NumericAddress(const std::string& host);

// This machine's own address on the way to `address` (numeric): loopback towards loopback. Throws Error(kUnavailable).
std::string OwnAddressTowards(const std::string& address, int port);

// A socket that listens on `address` (numeric) and nowhere else; the caller closes it. Throws Error(kUnavailable).
int ListenAt(const std::string& address, int port);

}  // namespace consilium
