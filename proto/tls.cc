// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/tls.h"

#include <grpcpp/create_channel.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cstdlib>

#include "core/base/error.h"

namespace consilium {
namespace {

// TLS 1.2 suites that need an RSA key in the server's certificate. None of ours has one.
constexpr char kNoSuiteForEcKeys[] = "AES256-GCM-SHA384:AES128-GCM-SHA256";
constexpr int kMessageLimit = 4 << 20;

struct SslFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};

std::string ToPem(X509* certificate) {
  const std::unique_ptr<BIO, SslFree> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

grpc::SslServerCredentialsOptions ServerOptions(const TlsIdentity& server,
                                                grpc_ssl_client_certificate_request_type request) {
  RequireTls13();
  grpc::SslServerCredentialsOptions options(request);
  options.pem_key_cert_pairs.push_back({server.key_pem, server.certificate_pem});
  return options;
}

}  // namespace

void RequireTls13() {
  static const bool done = setenv("GRPC_SSL_CIPHER_SUITES", kNoSuiteForEcKeys, 1) == 0;
  Ensure(done, "cannot set the TLS cipher list");
}

void SilenceGrpc() { Ensure(setenv("GRPC_VERBOSITY", "NONE", 0) == 0, "cannot set gRPC's verbosity"); }

std::shared_ptr<grpc::ServerCredentials> MutualServerCredentials(const TlsIdentity& server,
                                                                 const std::string& authority_pem) {
  auto options = ServerOptions(server, GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = authority_pem;
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> OpenServerCredentials(const TlsIdentity& server) {
  return grpc::SslServerCredentials(ServerOptions(server, GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE));
}

std::shared_ptr<grpc::ChannelCredentials> ClientCredentials(const std::string& authority_pem,
                                                            const std::optional<TlsIdentity>& client) {
  RequireTls13();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority_pem;
  if (client) {
    options.pem_private_key = client->key_pem;
    options.pem_cert_chain = client->certificate_pem;
  }
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, std::string_view server_name,
                                           const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(std::string(server_name));
  arguments.SetMaxReceiveMessageSize(kMessageLimit);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Well below the hub's grace of 20 s, so that a site is back in time after a restart of the hub.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);  // gRPC's name for the time that one attempt has
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

std::shared_ptr<grpc::Channel> MakeLocalChannel(const std::string& unix_address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageLimit);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(unix_address, grpc::InsecureChannelCredentials(), arguments);
}

void SetServerLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMessageLimit);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 64);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
}

std::optional<Peer> PeerOf(const grpc::ServerContextBase& context) {
  const auto auth = context.auth_context();
  if (!auth || !auth->IsPeerAuthenticated()) return std::nullopt;
  const auto names = auth->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  const auto certificates = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.empty()) return std::nullopt;
  Peer peer;
  if (!names.empty()) peer.common_name.assign(names.front().data(), names.front().size());
  peer.certificate_pem.assign(certificates.front().data(), certificates.front().size());
  return peer;
}

Presented PresentedCertificates(const std::string& address, double timeout_s) {
  const Error unreachable(ErrorCode::kUnavailable, "no TLS 1.3 answer at " + address,
                          "Is this the enrolment address, and is an invitation open? Check address and firewall.");
  const std::unique_ptr<SSL_CTX, SslFree> context(SSL_CTX_new(TLS_client_method()));
  Ensure(context != nullptr && SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) == 1,
         "OpenSSL has no TLS 1.3");
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  Presented presented;
  const auto asked = [](SSL*, void* wanted) {
    *static_cast<bool*>(wanted) = true;
    return 1;  // go on without a certificate
  };
  SSL_CTX_set_cert_cb(context.get(), asked, &presented.wants_client_certificate);
  const std::unique_ptr<BIO, SslFree> bio(BIO_new_ssl_connect(context.get()));
  Ensure(bio != nullptr, "OpenSSL cannot make a connection");
  if (BIO_set_conn_hostname(bio.get(), address.c_str()) != 1) throw unreachable;
  BIO* socket = BIO_find_type(bio.get(), BIO_TYPE_CONNECT);
  if (BIO_do_connect_retry(socket, static_cast<int>(timeout_s) + 1, -1) != 1) throw unreachable;
  const int descriptor = static_cast<int>(BIO_get_fd(socket, nullptr));
  BIO_socket_nbio(descriptor, 0);
  const timeval timeout{static_cast<time_t>(timeout_s) + 1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  SSL* ssl = nullptr;
  BIO_get_ssl(bio.get(), &ssl);
  static constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(ssl, kHttp2, sizeof kHttp2);
  if (BIO_do_handshake(bio.get()) != 1) throw unreachable;
  STACK_OF(X509)* certificates = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(certificates); ++i) presented.chain.push_back(ToPem(sk_X509_value(certificates, i)));
  if (presented.chain.empty()) throw unreachable;
  return presented;
}

}  // namespace consilium
