// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "core/base/error.h"

namespace consilium {

// The only door to the OpenSSL objects inside our values.
struct CertificateAccess {
  static EVP_PKEY* Raw(const PrivateKey& key) { return static_cast<EVP_PKEY*>(key.key_.get()); }
  static X509* Raw(const Certificate& certificate) { return static_cast<X509*>(certificate.certificate_.get()); }
  static PrivateKey Wrap(EVP_PKEY* key) {
    return PrivateKey(std::shared_ptr<void>(key, [](void* k) { EVP_PKEY_free(static_cast<EVP_PKEY*>(k)); }));
  }
  static Certificate Wrap(X509* certificate) {
    return Certificate(std::shared_ptr<void>(certificate, [](void* c) { X509_free(static_cast<X509*>(c)); }));
  }
};

namespace {

template <class T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* object) const { Free(object); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Deleter<T, Free>>;
using OwnedKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using OwnedX509 = Owned<X509, X509_free>;
using OwnedRequest = Owned<X509_REQ, X509_REQ_free>;
using OwnedBio = Owned<BIO, BIO_free_all>;
using OwnedExtension = Owned<X509_EXTENSION, X509_EXTENSION_free>;

constexpr std::size_t kLargestDer = 64 * 1024;
constexpr std::size_t kLargestName = 64;  // ub-common-name of RFC 5280

// A call of OpenSSL that only fails for want of memory or by our own mistake.
void Check(bool fine, std::string_view doing) {
  if (fine) return;
  char text[256] = "unknown reason";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  throw Error(ErrorCode::kInternal, "OpenSSL could not " + std::string(doing) + ": " + text);
}

bool IsP256(EVP_PKEY* key) {
  char group[32] = {};
  std::size_t size = 0;
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string_view(group, size) == "prime256v1";
}

void RequireP256(EVP_PKEY* key, const std::string& whose) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
    throw Error(ErrorCode::kInvalidArgument, "RSA keys are refused: " + whose + " must be an EC P-256 key",
                "Let consilium make the key, or use: openssl ecparam -name prime256v1 -genkey");
  }
  Require(IsP256(key), whose + " must be an EC P-256 key", "Let consilium make the key.");
}

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

OwnedBio ReadFrom(std::string_view text) {
  Require(text.size() <= kLargestDer, "a key or certificate of more than 64 KiB");
  OwnedBio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Check(bio != nullptr, "read from memory");
  return bio;
}

template <class T, class Encode>
std::vector<std::byte> Der(const T* object, Encode encode) {
  unsigned char* bytes = nullptr;
  const int size = encode(object, &bytes);
  Check(size > 0, "encode");
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  std::vector<std::byte> der(begin, begin + size);
  OPENSSL_free(bytes);
  return der;
}

OwnedKey KeyFromDer(const PublicKey& key) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(key.der.data());
  OwnedKey parsed(d2i_PUBKEY(nullptr, &bytes, static_cast<long>(key.der.size())));
  ERR_clear_error();
  Require(parsed != nullptr, "the public key cannot be read");
  RequireP256(parsed.get(), "a certificate's key");
  return parsed;
}

std::string NameEntry(const X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

void RequireName(std::string_view name) {
  const bool plain =
      std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  Require(!name.empty() && name.size() <= kLargestName && plain,
          "the name in a certificate must have 1 to 64 bytes and no control characters");
}

void AddNameEntry(X509_NAME* name, int nid, std::string_view text) {
  Check(X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0) == 1,
        "make a certificate's name");
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const OwnedExtension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  Check(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "make a certificate's extension");
}

void SetTime(ASN1_TIME* target, WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  Check(ASN1_TIME_adj(target, static_cast<std::time_t>(seconds), 0, 0) != nullptr, "set a certificate's time");
}

WallTime ToWallTime(const ASN1_TIME* time) {
  std::tm parts{};
  Require(ASN1_TIME_to_tm(time, &parts) == 1, "a certificate has a time that cannot be read");
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

// What all our certificates have in common; extensions and signature are still to come.
OwnedX509 Begin(std::string_view common_name, CertificateKind kind, WallTime not_before, std::int64_t days,
                EVP_PKEY* key) {
  RequireName(common_name);
  Require(days >= 1 && days <= 366 * 50, "a certificate must be valid for 1 day to 50 years");
  OwnedX509 certificate(X509_new());
  Check(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "make a certificate");
  std::array<unsigned char, 16> serial{};
  Check(RAND_bytes(serial.data(), serial.size()) == 1, "make a serial number");
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7F) | 0x40);  // positive, and always 16 bytes
  const Owned<BIGNUM, BN_free> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  Check(number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr,
        "make a serial number");
  SetTime(X509_getm_notBefore(certificate.get()), not_before);
  SetTime(X509_getm_notAfter(certificate.get()), not_before + std::chrono::days(days));
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  AddNameEntry(subject, NID_commonName, common_name);
  AddNameEntry(subject, NID_organizationalUnitName, Name(kind));
  Check(X509_set_pubkey(certificate.get(), key) == 1, "put a key into a certificate");
  return certificate;
}

Certificate Sign(OwnedX509 certificate, EVP_PKEY* key) {
  Check(X509_sign(certificate.get(), key, EVP_sha256()) > 0, "sign a certificate");
  return CertificateAccess::Wrap(certificate.release());
}

int GivePassphrase(char* buffer, int size, int /*writing*/, void* user) {
  const auto* passphrase = static_cast<const Secret*>(user);
  if (passphrase == nullptr) return -1;
  const std::string_view text = passphrase->Reveal();
  if (text.size() > static_cast<std::size_t>(size)) return -1;
  std::copy(text.begin(), text.end(), buffer);
  return static_cast<int>(text.size());
}

}  // namespace

std::string_view Name(CertificateKind kind) {
  switch (kind) {
    case CertificateKind::kAuthority: return "authority";
    case CertificateKind::kServer: return "server";
    case CertificateKind::kSite: return "site";
    case CertificateKind::kAdministrator: return "administrator";
    case CertificateKind::kReader: return "reader";
  }
  return "unknown";
}

std::string FingerprintText(const Digest& digest) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i > 0) text += i % 2 == 0 ? '-' : ':';
    text += kDigits[digest.bytes[i] >> 4];
    text += kDigits[digest.bytes[i] & 15];
  }
  return text;
}

std::string PublicKey::Fingerprint() const { return FingerprintText(DigestOf(der)); }

PrivateKey PrivateKey::Generate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  Check(key != nullptr, "make a key");
  return CertificateAccess::Wrap(key);
}

PrivateKey PrivateKey::FromPem(std::string_view pem, const Secret* passphrase) {
  const OwnedBio bio = ReadFrom(pem);
  OwnedKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassphrase, const_cast<Secret*>(passphrase)));
  ERR_clear_error();
  if (key == nullptr && pem.find("ENCRYPTED") != std::string_view::npos) {
    throw Error(ErrorCode::kUnauthenticated,
                passphrase == nullptr ? "the private key is encrypted, and no passphrase was given"
                                      : "the passphrase does not open the private key",
                "Give the right file with --passphrase-file.");
  }
  Require(key != nullptr, "the private key cannot be read: it is no PEM key");
  RequireP256(key.get(), "the private key");
  return CertificateAccess::Wrap(key.release());
}

std::string PrivateKey::ToPem(const Secret* passphrase) const {
  const OwnedBio bio(BIO_new(BIO_s_secmem()));
  const int done = passphrase == nullptr
                       ? PEM_write_bio_PKCS8PrivateKey(bio.get(), CertificateAccess::Raw(*this), nullptr, nullptr, 0,
                                                       nullptr, nullptr)
                       : PEM_write_bio_PKCS8PrivateKey(bio.get(), CertificateAccess::Raw(*this), EVP_aes_256_cbc(),
                                                       nullptr, 0, GivePassphrase, const_cast<Secret*>(passphrase));
  Check(done == 1, "write a private key");
  return Drain(bio.get());
}

PublicKey PrivateKey::public_key() const { return {Der(CertificateAccess::Raw(*this), i2d_PUBKEY)}; }

Certificate Certificate::FromDer(std::span<const std::byte> der) {
  Require(der.size() <= kLargestDer, "a certificate of more than 64 KiB");
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = bytes + der.size();
  OwnedX509 certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  ERR_clear_error();
  Require(certificate != nullptr && bytes == end, "the certificate cannot be read: it is no X.509 DER");
  return CertificateAccess::Wrap(certificate.release());
}

Certificate Certificate::FromPem(std::string_view pem) {
  const OwnedBio bio = ReadFrom(pem);
  OwnedX509 certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  Require(certificate != nullptr, "the certificate cannot be read: it is no X.509 PEM");
  return CertificateAccess::Wrap(certificate.release());
}

std::vector<std::byte> Certificate::ToDer() const { return Der(CertificateAccess::Raw(*this), i2d_X509); }

std::string Certificate::ToPem() const {
  const OwnedBio bio(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_X509(bio.get(), CertificateAccess::Raw(*this)) == 1, "write a certificate");
  return Drain(bio.get());
}

std::string Certificate::CommonName() const {
  return NameEntry(X509_get_subject_name(CertificateAccess::Raw(*this)), NID_commonName);
}

CertificateKind Certificate::Kind() const {
  const std::string unit = NameEntry(X509_get_subject_name(CertificateAccess::Raw(*this)), NID_organizationalUnitName);
  for (const auto kind : {CertificateKind::kAuthority, CertificateKind::kServer, CertificateKind::kSite,
                          CertificateKind::kAdministrator, CertificateKind::kReader}) {
    if (unit == Name(kind)) return kind;
  }
  throw Error(ErrorCode::kPermissionDenied, "the certificate does not say what it may be used for",
              "Only certificates that this federation issued are of use here.");
}

WallTime Certificate::NotBefore() const { return ToWallTime(X509_get0_notBefore(CertificateAccess::Raw(*this))); }
WallTime Certificate::NotAfter() const { return ToWallTime(X509_get0_notAfter(CertificateAccess::Raw(*this))); }

PublicKey Certificate::public_key() const {
  EVP_PKEY* key = X509_get0_pubkey(CertificateAccess::Raw(*this));
  Require(key != nullptr, "the certificate's key cannot be read");
  return {Der(key, i2d_PUBKEY)};
}

Digest Certificate::digest() const { return DigestOf(ToDer()); }
std::string Certificate::Fingerprint() const { return FingerprintText(digest()); }

std::vector<std::byte> MakeCertificateRequest(const PrivateKey& key, std::string_view common_name) {
  RequireName(common_name);
  const OwnedRequest request(X509_REQ_new());
  Check(request != nullptr && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1, "make a request");
  AddNameEntry(X509_REQ_get_subject_name(request.get()), NID_commonName, common_name);
  EVP_PKEY* raw = CertificateAccess::Raw(key);
  Check(X509_REQ_set_pubkey(request.get(), raw) == 1 && X509_REQ_sign(request.get(), raw, EVP_sha256()) > 0,
        "sign a request");
  return Der(request.get(), i2d_X509_REQ);
}

RequestInfo ReadCertificateRequest(std::span<const std::byte> der) {
  Require(der.size() <= kLargestDer, "a certificate request of more than 64 KiB");
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = bytes + der.size();
  const OwnedRequest request(d2i_X509_REQ(nullptr, &bytes, static_cast<long>(der.size())));
  ERR_clear_error();
  Require(request != nullptr && bytes == end, "the certificate request cannot be read: it is no PKCS#10 DER");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  ERR_clear_error();
  Require(key != nullptr, "the key in the certificate request cannot be read");
  RequireP256(key, "the key in a certificate request");
  const bool signed_by_key = X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  Require(signed_by_key, "the certificate request is not signed by its own key",
          "Make it again with consilium-site join.");
  RequestInfo info{NameEntry(X509_REQ_get_subject_name(request.get()), NID_commonName), {Der(key, i2d_PUBKEY)}};
  RequireName(info.common_name);
  return info;
}

Certificate MakeAuthority(const PrivateKey& key, std::string_view name, std::int64_t years, WallTime not_before) {
  Require(years >= 1 && years <= 50, "an authority must be valid for 1 to 50 years");
  EVP_PKEY* raw = CertificateAccess::Raw(key);
  OwnedX509 made = Begin(name, CertificateKind::kAuthority, not_before, years * 365 + years / 4, raw);
  Check(X509_set_issuer_name(made.get(), X509_get_subject_name(made.get())) == 1, "name the issuer");
  AddExtension(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(made.get(), made.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(made.get(), made.get(), NID_subject_key_identifier, "hash");
  return Sign(std::move(made), raw);
}

Certificate Issue(const Certificate& authority, const PrivateKey& authority_key, const CertificateTerms& terms) {
  Require(terms.kind != CertificateKind::kAuthority, "an authority issues no other authority");
  Require(authority.public_key() == authority_key.public_key(),
          "the authority's key is not the one of its certificate");
  const OwnedKey key = KeyFromDer(terms.public_key);
  X509* issuer = CertificateAccess::Raw(authority);
  OwnedX509 made = Begin(terms.common_name, terms.kind, terms.not_before, terms.days, key.get());
  Check(X509_set_issuer_name(made.get(), X509_get_subject_name(issuer)) == 1, "name the issuer");
  const bool server = terms.kind == CertificateKind::kServer;
  AddExtension(made.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(made.get(), issuer, NID_key_usage, "critical,digitalSignature");
  AddExtension(made.get(), issuer, NID_ext_key_usage, server ? "critical,serverAuth" : "critical,clientAuth");
  AddExtension(made.get(), issuer, NID_subject_key_identifier, "hash");
  AddExtension(made.get(), issuer, NID_authority_key_identifier, "keyid:always");
  if (server) {
    Require(terms.common_name == kHubServerName || terms.common_name == kPanelServerName,
            "a server certificate is for consilium-hub or consilium-site, not for '" + terms.common_name + "'");
    AddExtension(made.get(), issuer, NID_subject_alt_name, "DNS:" + terms.common_name);
  }
  return Sign(std::move(made), CertificateAccess::Raw(authority_key));
}

void RequireValid(const Certificate& certificate, const Certificate& authority, CertificateKind kind, WallTime now) {
  const std::string whose = "the certificate of '" + certificate.CommonName() + "'";
  X509* raw = CertificateAccess::Raw(certificate);
  X509* issuer = CertificateAccess::Raw(authority);
  const bool issued = X509_check_issued(issuer, raw) == X509_V_OK && X509_verify(raw, X509_get0_pubkey(issuer)) == 1;
  ERR_clear_error();
  if (!issued) {
    throw Error(ErrorCode::kUnauthenticated, whose + " was not issued by '" + authority.CommonName() + "'",
                "It belongs to another federation, or is forged.");
  }
  if (certificate.Kind() != kind) {
    throw Error(ErrorCode::kUnauthenticated,
                whose + " is for a" + (Name(certificate.Kind()) == "administrator" ? "n " : " ") +
                    std::string(Name(certificate.Kind())) + ", not for a" +
                    (kind == CertificateKind::kAdministrator ? "n " : " ") + std::string(Name(kind)));
  }
  if (now < certificate.NotBefore()) {
    throw Error(ErrorCode::kUnauthenticated, whose + " is valid only from " + ToIso8601(certificate.NotBefore()),
                "Check this machine's clock.");
  }
  if (now > certificate.NotAfter()) {
    throw Error(ErrorCode::kUnauthenticated, whose + " expired at " + ToIso8601(certificate.NotAfter()),
                "Ask for a new one, and check this machine's clock.");
  }
}

}  // namespace consilium
