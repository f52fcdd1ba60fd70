// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/base/secret.h"
#include "site-node/site_settings.h"

namespace consilium {

// What a joined site shows to the hub, and how it knows the hub. The key is plain text in memory only.
struct SiteCredentials {
  std::string key_pem;
  std::string certificate_pem;
  std::string authority_pem;  // of the hub, pinned when the site joined
};

// Reads the three files in the site's folder. Throws Error(kFailedPrecondition) if the site has not joined yet or
// the key is another one's, Error(kUnauthenticated) if the passphrase is missing or wrong or the certificate has
// expired.
SiteCredentials ReadCredentials(const SiteDirectory& place, const Secret* passphrase);

}  // namespace consilium
