// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace consilium {

// TLS 1.3 and nothing older on every door (docs/adr/0005). gRPC 1.51 cannot set the least version, so: every
// certificate has an EC key, and the TLS 1.2 cipher list holds suites for RSA keys only, which no peer with one of our
// certificates can use. TLS 1.3 has its own suites and is not touched by that list.

// Sets the cipher list. Call it first in main(), before any thread: gRPC reads it once. The credentials below call it
// too.
void RequireTls13();

// Keeps gRPC's own log lines off standard error: our errors say what is wrong in words. Whoever wants them sets
// GRPC_VERBOSITY. Call it first in main().
void SilenceGrpc();

// A certificate with its key, as PEM; the key is not encrypted (it lives in memory only).
struct TlsIdentity {
  std::string certificate_pem;  // the certificate, then its authority
  std::string key_pem;
};

// Clients must show a certificate of this authority; without one no call is answered.
std::shared_ptr<grpc::ServerCredentials> MutualServerCredentials(const TlsIdentity& server,
                                                                 const std::string& authority_pem);
// Clients show none: the enrolment door.
std::shared_ptr<grpc::ServerCredentials> OpenServerCredentials(const TlsIdentity& server);

// `client` empty: server authentication only (enrolment).
std::shared_ptr<grpc::ChannelCredentials> ClientCredentials(const std::string& authority_pem,
                                                            const std::optional<TlsIdentity>& client);

// A channel that expects `server_name` (kHubServerName or kPanelServerName) in the certificate, takes messages of at
// most 4 MiB, notices a dead peer in half a minute and tries again after 1 to 20 s. It connects at its first call.
// `address` is H:P or unix:PATH.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, std::string_view server_name,
                                           const std::shared_ptr<grpc::ChannelCredentials>& credentials);
// The administrator's door on this machine: a Unix socket, guarded by the file's mode.
std::shared_ptr<grpc::Channel> MakeLocalChannel(const std::string& unix_address);

// The limits of every server of ours: 4 MiB a message, 16 KiB of metadata, 64 streams a connection, keep-alive, 10 s
// for a handshake, no sharing of the port.
void SetServerLimits(grpc::ServerBuilder& builder);

// Who is at the other end of a mutual TLS call; core/base/certificate.h reads the kind out of the certificate.
struct Peer {
  std::string common_name;
  std::string certificate_pem;
};
std::optional<Peer> PeerOf(const grpc::ServerContextBase& context);  // nothing: no certificate was shown

// What a server presents in a TLS 1.3 handshake.
struct Presented {
  std::vector<std::string> chain;         // PEM, leaf first; at least one
  bool wants_client_certificate = false;  // the doors for those who belong to the federation do, enrolment does not
};

// NOTHING is verified: for `join`, which shows the last one's fingerprint to a person, or compares it with the one on
// the invitation, and pins it. `address` is H:P. Throws Error(kUnavailable).
Presented PresentedCertificates(const std::string& address, double timeout_s = 10);

}  // namespace consilium
