// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/rendezvous.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses Find(const std::string& host, int port, int flags, int kind) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = flags | AI_NUMERICSERV;
  hints.ai_socktype = kind;
  const int failed = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  Require(failed == 0, "MASTER_ADDR: there is no host " + host + " (" + gai_strerror(failed) + ")",
          "Set MASTER_ADDR to the machine of process 0, or leave it out for this machine.");
  return {found, &freeaddrinfo};
}

std::string Numeric(const sockaddr* address, socklen_t length) {
  std::array<char, NI_MAXHOST> text{};
  const int failed = getnameinfo(address, length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  Ensure(failed == 0, "an address without a numeric form");
  return text.data();
}

struct Socket {
  explicit Socket(const addrinfo& to) : fd(socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC, to.ai_protocol)) {}
  ~Socket() {
    if (fd >= 0) close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd;
};

std::string Place(const std::string& address, int port) { return address + " port " + std::to_string(port); }

}  // namespace

std::string NumericAddress(const std::string& host) {
  const Addresses found = Find(host, 0, 0, SOCK_STREAM);
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    if (at->ai_family == AF_INET) return Numeric(at->ai_addr, at->ai_addrlen);
  }
  return Numeric(found->ai_addr, found->ai_addrlen);
}

// A datagram socket that is connected has chosen its way, and nothing was sent.
std::string OwnAddressTowards(const std::string& address, int port) {
  const Addresses to = Find(address, port, AI_NUMERICHOST, SOCK_DGRAM);
  const Socket way(*to);
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  if (way.fd < 0 || connect(way.fd, to->ai_addr, to->ai_addrlen) != 0 ||
      getsockname(way.fd, reinterpret_cast<sockaddr*>(&own), &length) != 0) {
    throw Error(ErrorCode::kUnavailable,
                "there is no way to " + Place(address, port) + ": " + std::generic_category().message(errno),
                "Set MASTER_ADDR to the machine of process 0.");
  }
  return Numeric(reinterpret_cast<const sockaddr*>(&own), length);
}

int ListenAt(const std::string& address, int port) {
  const Addresses at = Find(address, port, AI_NUMERICHOST, SOCK_STREAM);
  Socket listens(*at);
  const int yes = 1;
  if (listens.fd < 0 || setsockopt(listens.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(listens.fd, at->ai_addr, at->ai_addrlen) != 0 || listen(listens.fd, SOMAXCONN) != 0) {
    throw Error(ErrorCode::kUnavailable,
                "process 0 cannot listen at " + Place(address, port) + ": " + std::generic_category().message(errno),
                "MASTER_ADDR must be an address of its own machine; MASTER_PORT a port that nobody uses.");
  }
  return std::exchange(listens.fd, -1);
}

}  // namespace consilium
