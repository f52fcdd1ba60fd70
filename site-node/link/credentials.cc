// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/credentials.h"

#include <fmt/format.h>

#include "core/base/certificate.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file_store.h"

namespace consilium {

SiteCredentials ReadCredentials(const SiteDirectory& place, const Secret* passphrase) {
  for (const auto& file : {place.key(), place.certificate(), place.authority()}) {
    if (!std::filesystem::exists(file)) {
      throw Error(ErrorCode::kFailedPrecondition,
                  fmt::format("this site has not joined a federation: {} is missing", file.string()),
                  "Join first: consilium-site join --hub H:P --enrol H:P2");
    }
  }
  SiteCredentials credentials;
  const PrivateKey key = PrivateKey::FromPem(ReadTextFile(place.key()), passphrase);
  credentials.key_pem = key.ToPem();
  credentials.certificate_pem = ReadTextFile(place.certificate());
  credentials.authority_pem = ReadTextFile(place.authority());
  const Certificate certificate = Certificate::FromPem(credentials.certificate_pem);
  if (key.public_key() != certificate.public_key()) {
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("{} is not the key of {}", place.key().string(), place.certificate().string()),
                "Put the key of this certificate back, or ask the hub's administrator for a new invitation and join "
                "again.");
  }
  if (certificate.NotAfter() < SystemClock().Wall()) {
    throw Error(ErrorCode::kUnauthenticated,
                fmt::format("this site's certificate expired on {}", ToIso8601(certificate.NotAfter())),
                "Ask the hub's administrator for a new invitation and join again.");
  }
  return credentials;
}

}  // namespace consilium
