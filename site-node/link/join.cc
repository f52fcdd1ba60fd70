// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
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
  if (std::filesystem::exists(place.key())) return PrivateKey::FromPem(ReadTextFile(place.key()), passphrase);
  const PrivateKey key = PrivateKey::Generate();
  WriteFileDurably(place.key(), key.ToPem(passphrase), 0600);
  out << (passphrase ? "Key made on this machine, encrypted with the passphrase.\n"
                     : "Key made on this machine, not encrypted: its file can be read by this account only (0600).\n");
  return key;
}

// What a join keeps in the site's folder while it waits for approval, so that it can be taken up again.
struct Pending {
  Secret token;
  Certificate authority;
};

std::optional<Pending> ReadPending(const SiteDirectory& place) {
  for (const auto& file : {place.key(), place.invitation(), place.authority()})
    if (!std::filesystem::exists(file)) return std::nullopt;
  return Pending{ReadSecretFile(place.invitation()), Certificate::FromPem(ReadTextFile(place.authority()))};
}

void KeepPending(const SiteDirectory& place, const Secret& token, const Certificate& authority) {
  WriteFileDurably(place.authority(), authority.ToPem());
  WriteFileDurably(place.invitation(), std::string(token.Reveal()) + "\n", 0600);
}

// The invitation was refused: the next try asks for another. The key stays.
void ForgetPending(const SiteDirectory& place) {
  std::filesystem::remove(place.invitation());
  std::filesystem::remove(place.authority());
}

// What answers at `address`. Its sites' port asks for a certificate, its enrolment port does not.
Presented Dial(const std::string& address, bool sites_port, double timeout_s) {
  Presented shown = PresentedCertificates(address, timeout_s);
  if (shown.wants_client_certificate == sites_port) return shown;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("{} is {}", address,
                          sites_port ? "an enrolment port, not a hub's port for sites"
                                     : "a port for those who have joined, not a hub's enrolment port"),
              "Are --hub (the port for sites) and --enrol (the enrolment port) swapped?");
}

// The authority that the hub presents, accepted by fingerprint, as the one of the join that is taken up, or by the
// person at the terminal.
Certificate AcceptAuthority(const JoinOptions& options, const Certificate* pinned, Terminal& terminal) {
  const Presented shown = Dial(options.enrol, false, options.connect_timeout_s);
  const Certificate authority = Certificate::FromPem(shown.chain.back());
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
  if (pinned && pinned->digest() == authority.digest()) return authority;
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

// Looks at the sites' port now, when a slip is easily mended, and not first when the service starts.
void RequireSitesPort(const JoinOptions& options, const Certificate& authority, std::ostream& out) {
  try {
    const Presented shown = Dial(options.hub, true, options.connect_timeout_s);
    Require(Certificate::FromPem(shown.chain.back()).digest() == authority.digest(),
            fmt::format("{} and {} are not doors of one hub", options.hub, options.enrol),
            "Check --hub and --enrol with the hub's administrator.");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnavailable) throw;
    out << fmt::format("Note: nothing answers at {} now. The service will need the hub's port for sites.\n",
                       options.hub);
  }
}

// Asks for the certificate and waits for it. `waiting` is called with the key's fingerprint when the hub has taken the
// request down.
v1::EnrolApproved Enrol(const std::string& address, const Secret& token, const Certificate& authority,
                        const PrivateKey& key, const std::function<void(const std::string&)>& waiting,
                        std::stop_token stop) {
  const auto channel =
      MakeChannel(address, std::string(kHubServerName), ClientCredentials(authority.ToPem(), std::nullopt));
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
  bool asked = false;
  v1::EnrolReply reply;
  while (stream->Read(&reply)) {
    if (reply.has_waiting()) {
      asked = true;
      waiting(reply.waiting().key_fingerprint());
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
  if (!asked || !status.error_details().empty()) ThrowUnlessOk(status, fmt::format("cannot enrol at {}", address));
  throw Error(ErrorCode::kUnavailable, fmt::format("the hub at {} went away before it had decided", address),
              "Run the same command again: it goes on with the same key and invitation.");
}

std::span<const std::byte> AsBytes(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

void Join(const SiteDirectory& place, const JoinOptions& options, Terminal terminal, std::stop_token stop) {
  if (std::filesystem::exists(place.certificate())) {
    throw Error(ErrorCode::kAlreadyExists,
                fmt::format("this site has joined already: {}", place.certificate().string()),
                "To join anew, move key.pem, certificate.pem and hub-authority.pem away first.");
  }
  const DirectoryLock lock(place, "it cannot join twice");
  std::optional<Pending> pending = ReadPending(place);
  if (!options.token && !pending && !terminal.is_terminal) {
    throw Error(ErrorCode::kFailedPrecondition, "the invitation's token is missing",
                "Put it into a file that only you can read and give --token-file FILE.");
  }
  const Certificate authority = AcceptAuthority(options, pending ? &pending->authority : nullptr, terminal);
  if (pending && pending->authority.digest() != authority.digest()) pending.reset();  // of another federation
  RequireSitesPort(options, authority, terminal.out);
  const Secret token(options.token ? options.token->Reveal()
                     : pending     ? pending->token.Reveal()
                                   : ReadLine(terminal, "Token: "));
  const bool resumes = pending && pending->token.Equals(token.Reveal());
  const PrivateKey key = ReadOrMakeKey(place, options.passphrase ? &*options.passphrase : nullptr, terminal.out);
  if (resumes) terminal.out << "Going on with the join that was interrupted: same key, same invitation.\n";
  const auto waiting = [&](const std::string& fingerprint) {
    KeepPending(place, token, authority);
    terminal.out
        << (resumes ? "Still waiting" : "Asked for a certificate") << "; your fingerprint is " << fingerprint
        << "\nRead it out to the hub's administrator. Waiting for approval; after an interruption run the same "
           "command again."
        << std::endl;
  };
  v1::EnrolApproved approved;
  try {
    approved = Enrol(options.enrol, token, authority, key, waiting, stop);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kPermissionDenied || error.code() == ErrorCode::kUnauthenticated)
      ForgetPending(place);
    throw;
  }

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
  std::filesystem::remove(place.invitation());
  const auto days = std::chrono::duration_cast<std::chrono::days>(certificate.NotAfter() - now).count();
  terminal.out << fmt::format("Approved: this is site {} of {}. The certificate is valid for {} days.\n", settings.site,
                              settings.federation, days);
}

}  // namespace consilium
