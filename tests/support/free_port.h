// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "learning/rendezvous.h"

namespace consilium {

inline int PortOf(int fd) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin_port);
}

// A port of loopback that nobody listens on, for the processes of one group.
inline int FreePort() {
  const int fd = ListenAt("127.0.0.1", 0);
  const int port = PortOf(fd);
  close(fd);
  return port;
}

// "RANK=... WORLD_SIZE=2 MASTER_PORT=..." as words for a shell or for env.
inline std::vector<std::string> PlaceOfTwo(int rank, int port) {
  return {"RANK=" + std::to_string(rank), "WORLD_SIZE=2", "MASTER_PORT=" + std::to_string(port),
          "OMP_WAIT_POLICY=PASSIVE"};
}

}  // namespace consilium
