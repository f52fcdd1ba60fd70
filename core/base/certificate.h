// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/secret.h"

namespace consilium {

// Keys and X.509 v3 certificates (RFC 5280) of a federation: EC P-256 with SHA-256 everywhere, RSA is refused (so that
// no TLS 1.2 peer can meet us, docs/threat-model.md). A hub has an authority that issues its own server certificate and
// those of sites and administrators; a site has another one for its panel and its readers. Values; any thread.

// Who a certificate speaks for: the OU of its subject. kServer is for serverAuth, the others but kAuthority for
// clientAuth.
enum class CertificateKind { kAuthority, kServer, kSite, kAdministrator, kReader };
std::string_view Name(CertificateKind kind);  // "authority", "server", "site", "administrator", "reader"

// Server certificates carry their common name as DNS name; clients ask for it whatever the machine is called.
inline constexpr std::string_view kHubServerName = "consilium-hub";
inline constexpr std::string_view kPanelServerName = "consilium-site";

// 16 bytes of a SHA-256 for people: "7B:1E-9C:04-...".
std::string FingerprintText(const Digest& digest);

struct PublicKey {
  std::vector<std::byte> der;  // SubjectPublicKeyInfo
  std::string Fingerprint() const;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

class PrivateKey {
 public:
  static PrivateKey Generate();
  // Throws Error(kInvalidArgument) if it is no P-256 key, Error(kUnauthenticated) if the passphrase is wrong or
  // missing.
  static PrivateKey FromPem(std::string_view pem, const Secret* passphrase = nullptr);
  std::string ToPem(const Secret* passphrase = nullptr) const;  // PKCS#8; with a passphrase AES-256-CBC
  PublicKey public_key() const;

 private:
  friend struct CertificateAccess;
  explicit PrivateKey(std::shared_ptr<void> key) : key_(std::move(key)) {}
  std::shared_ptr<void> key_;  // EVP_PKEY; never changed after construction
};

class Certificate {
 public:
  static Certificate FromDer(std::span<const std::byte> der);  // throws Error(kInvalidArgument)
  static Certificate FromPem(std::string_view pem);            // the first certificate in the text
  std::vector<std::byte> ToDer() const;
  std::string ToPem() const;

  std::string CommonName() const;
  CertificateKind Kind() const;  // throws Error(kPermissionDenied) if its OU names none
  WallTime NotBefore() const;
  WallTime NotAfter() const;
  PublicKey public_key() const;
  Digest digest() const;            // SHA-256 of the DER: what is pinned
  std::string Fingerprint() const;  // FingerprintText(digest())

 private:
  friend struct CertificateAccess;
  explicit Certificate(std::shared_ptr<void> certificate) : certificate_(std::move(certificate)) {}
  std::shared_ptr<void> certificate_;  // X509; never changed after construction
};

// PKCS#10 (RFC 2986), signed by the key it is for.
std::vector<std::byte> MakeCertificateRequest(const PrivateKey& key, std::string_view common_name);

struct RequestInfo {
  std::string common_name;
  PublicKey public_key;
  friend bool operator==(const RequestInfo&, const RequestInfo&) = default;
};
// Checks the request's own signature. Throws Error(kInvalidArgument): malformed, forged, or not EC P-256.
RequestInfo ReadCertificateRequest(std::span<const std::byte> der);

// A self-signed authority, valid from `not_before` for `years`.
Certificate MakeAuthority(const PrivateKey& key, std::string_view name, std::int64_t years, WallTime not_before);

struct CertificateTerms {
  PublicKey public_key;  // of the request
  std::string common_name;
  CertificateKind kind = CertificateKind::kSite;
  std::int64_t days = 90;
  WallTime not_before;  // usually a few minutes ago: clocks of hospitals differ
};
Certificate Issue(const Certificate& authority, const PrivateKey& authority_key, const CertificateTerms& terms);

// Throws Error(kUnauthenticated) in words unless `authority` signed it, it is of `kind`, and `now` is within its time.
void RequireValid(const Certificate& certificate, const Certificate& authority, CertificateKind kind, WallTime now);

}  // namespace consilium
