// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>

#include "core/base/secret.h"
#include "site-node/site_settings.h"

namespace consilium {

// How a hospital joins a federation.
struct JoinOptions {
  std::string hub;                         // host:port for sites, kept for later
  std::string enrol;                       // host:port of the enrolment door
  std::optional<Secret> token;             // if absent: the one it waits with, else asked for on the terminal
  std::optional<std::string> fingerprint;  // of the hub's authority, as its administrator read it out
  std::optional<Secret> passphrase;        // encrypts the key; without one the file's mode is 0600
  double connect_timeout_s = 10;
};

// The person at the terminal, if there is one.
struct Terminal {
  std::istream& in;
  std::ostream& out;
  bool is_terminal = false;
};

// Makes the key on this machine, checks the hub's authority by its fingerprint and pins it, asks for a certificate and
// waits until the hub's administrator has decided. The key never leaves. While it waits, the key, the token and the
// pinned authority lie in the site's folder: running it again after a cut goes on with them and asks nothing. Throws
// Error: kFailedPrecondition when something is missing and nobody can be asked, or another join is at work here;
// kAlreadyExists when the site has joined; kPermissionDenied for another fingerprint or a refusal;
// kInvalidArgument for a door that is not the one it was named as; kUnavailable.
void Join(const SiteDirectory& place, const JoinOptions& options, Terminal terminal, std::stop_token stop = {});

}  // namespace consilium
