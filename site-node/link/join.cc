// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "core/base/certificate.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/file_store.h"
#include "proto/codec.h"
#include "proto/site.grpc.pb.h"
#include "proto/tls.h"

namespace consilium {
namespace {

std::string ReadLine(Terminal& terminal, const std::string& question) {
  terminal.out << question << std::flush;
  std::string line;
  std::getline(terminal.in, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

// Fingerprints are read out on the telephone: case, blanks and the dashes and colons do not matter.
std::string Bare(const std::string& fingerprint) {
  std::string bare;
  for (const char c : fingerprint)
    if (std::isxdigit(static_cast<unsigned char>(c)))
      bare.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return bare;
}

PrivateKey ReadOrMakeKey(const SiteDirectory& place, const Secret* passphrase, std::ostream& out) {
  if (std::filesystem::exists(place.key())) {
    const std::vector<std::byte> pem = ReadFile(place.key(), 1 << 16);
    return PrivateKey::FromPem({reinterpret_cast<const char*>(pem.data()), pem.size()}, passphrase);
  }
  const PrivateKey key = PrivateKey::Generate();
  WriteFileDurably(place.key(), key.ToPem(passphrase), 0600);
  out << (passphrase ? "Key made on this machine, encrypted with the passphrase.\n"
                     : "Key made on this machine, not encrypted: its file can be read by this account only (0600).\n");
  return key;
}

// The authority that the hub presents, accepted by fingerprint or by the person at the terminal.
Certificate AcceptAuthority(const JoinOptions& options, Terminal& terminal) {
  const std::vector<std::string> shown = PresentedCertificates(options.enrol, options.connect_timeout_s);
  Require(!shown.empty(), fmt::format("the hub at {} shows no certificate", options.enrol));
  const Certificate authority = Certificate::FromPem(shown.back());
  const std::string fingerprint = authority.Fingerprint();
  if (authority.Kind() != CertificateKind::kAuthority) {
    throw Error(ErrorCode::kPermissionDenied,
                fmt::format("{} does not show a federation's authority: it is no hub's enrolment port", options.enrol),
                "Check host and port with the hub's administrator.");
  }
  if (options.fingerprint) {
    if (Bare(*options.fingerprint) != Bare(fingerprint)) {
      throw Error(ErrorCode::kPermissionDenied,
                  fmt::format("the hub at {} shows another fingerprint than the one given", options.enrol),
                  fmt::format("given {}   shown {}   Do not go on before you have called the hub's administrator.",
                              *options.fingerprint, fingerprint));
    }
    return authority;
  }
  if (!terminal.is_terminal) {
    throw Error(
        ErrorCode::kFailedPrecondition, "nobody is here to compare the hub's fingerprint",
        fmt::format("Give it with --fingerprint, as the hub's administrator reads it out (shown: {}).", fingerprint));
  }
  const std::string answer = ReadLine(
      terminal,
      fmt::format("The hub shows fingerprint {}\nDoes the hub's administrator read out the same? [y/N] ", fingerprint));
  if (answer != "y" && answer != "Y" && answer != "yes") {
    throw Error(ErrorCode::kPermissionDenied, "the hub's fingerprint was not confirmed",
                "Call the hub's administrator; nothing was sent.");
  }
  return authority;
}

v1::EnrolApproved Enrol(const JoinOptions& options, const Secret& token, const Certificate& authority,
                        const PrivateKey& key, std::ostream& out, std::stop_token stop) {
  const auto channel =
      MakeChannel(options.enrol, std::string(kHubServerName), ClientCredentials(authority.ToPem(), std::nullopt));
  const auto stub = v1::Enrolment::NewStub(channel);
  v1::EnrolRequest request;
  request.set_token(std::string(token.Reveal()));
  const std::vector<std::byte> wish = MakeCertificateRequest(key, "consilium-site");
  request.set_certificate_request_der(wish.data(), wish.size());
  request.set_protocol(kProtocolVersion);
  grpc::ClientContext context;
  const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
  const auto stream = stub->Enrol(&context, request);
  std::optional<v1::EnrolApproved> approved;
  std::string refused;
  v1::EnrolReply reply;
  while (stream->Read(&reply)) {
    if (reply.has_waiting()) {
      out << "Asked for a certificate; your fingerprint is " << reply.waiting().key_fingerprint()
          << "\nRead it out to the hub's administrator. Waiting for approval ..." << std::endl;
    } else if (reply.has_approved()) {
      approved = reply.approved();
    } else if (reply.reply_case() == v1::EnrolReply::kRefused) {
      refused = reply.refused();
    }
  }
  const grpc::Status status = stream->Finish();
  if (approved) return *approved;
  if (!refused.empty()) {
    throw Error(ErrorCode::kPermissionDenied, fmt::format("the hub refused: {}", refused),
                "Ask the hub's administrator.");
  }
  ThrowUnlessOk(status, fmt::format("cannot enrol at {}", options.enrol));
  throw Error(ErrorCode::kUnavailable, "the hub ended the enrolment without an answer",
              "Run the same command again: it goes on where it was.");
}

std::span<const std::byte> AsBytes(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

void Join(const SiteDirectory& place, const JoinOptions& options, Terminal terminal, std::stop_token stop) {
  if (std::filesystem::exists(place.certificate())) {
    throw Error(ErrorCode::kAlreadyExists,
                fmt::format("this site has joined already: {}", place.certificate().string()),
                "To join anew, move key.pem, certificate.pem and hub-authority.pem away first.");
  }
  if (!options.token && !terminal.is_terminal) {
    throw Error(ErrorCode::kFailedPrecondition, "the invitation's token is missing",
                "Put it into a file that only you can read and give --token-file FILE.");
  }
  const Certificate authority = AcceptAuthority(options, terminal);
  const Secret asked(options.token ? "" : ReadLine(terminal, "Token: "));
  const Secret& token = options.token ? *options.token : asked;
  const PrivateKey key = ReadOrMakeKey(place, options.passphrase ? &*options.passphrase : nullptr, terminal.out);
  const v1::EnrolApproved approved = Enrol(options, token, authority, key, terminal.out, stop);

  const Certificate certificate = Certificate::FromDer(AsBytes(approved.certificate_der()));
  const WallTime now = SystemClock().Wall();
  RequireValid(certificate, authority, CertificateKind::kSite, now);
  Require(certificate.public_key() == key.public_key(), "the hub sent a certificate for another key",
          "Call the hub's administrator.");
  SiteSettings settings = ReadSettings(place);
  settings.hub = options.hub;
  settings.site = ParseSiteId(approved.site()).text();
  settings.federation = approved.federation();
  WriteSettings(place, settings);
  WriteFileDurably(place.authority(), authority.ToPem());
  WriteFileDurably(place.certificate(), certificate.ToPem());
  const auto days = std::chrono::duration_cast<std::chrono::days>(certificate.NotAfter() - now).count();
  terminal.out << fmt::format("Approved: this is site {} of {}. The certificate is valid for {} days.\n", settings.site,
                              settings.federation, days);
}

}  // namespace consilium
