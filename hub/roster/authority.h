// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/certificate.h"
#include "core/base/clock.h"
#include "core/base/secret.h"

namespace consilium {

// The federation's certificate authority and the hub's own key, in four files of the hub's folder: authority.pem,
// authority.key, hub.pem, hub.key. Keys have mode 0600 and are encrypted when there is a passphrase. EC P-256.
class Authority {
 public:
  // Makes them; throws Error(kAlreadyExists) when the folder has an authority already.
  static void Create(const std::filesystem::path& dir, const std::string& federation, const Secret* passphrase,
                     const Clock& clock);

  // Opens them. A hub certificate that ends within 30 days is replaced by a new one for the same key.
  Authority(const std::filesystem::path& dir, const Secret* passphrase, const Clock& clock);

  const Certificate& certificate() const { return authority_; }
  std::string server_chain_pem() const { return server_.ToPem() + authority_.ToPem(); }
  std::string server_key_pem() const { return server_key_.ToPem(); }  // not encrypted: for memory only

  // From five minutes ago (clocks differ) for `days`.
  Certificate Issue(const PublicKey& key, const std::string& common_name, CertificateKind kind,
                    std::int64_t days) const;

 private:
  const Clock& clock_;
  Certificate authority_;
  PrivateKey authority_key_;
  PrivateKey server_key_;
  Certificate server_;
};

}  // namespace consilium
