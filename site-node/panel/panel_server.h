// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "site-node/panel/panel_data.h"
#include "site-node/panel/readers.h"

namespace consilium {

// The panel's two doors: mutual TLS 1.3 for desktops with a reader's certificate, and a Unix socket for this machine's
// own commands, guarded by the folder's mode. Serves from its construction to its destruction.
class PanelServer {
 public:
  // `listen` is host:port, port 0 picks a free one. Throws Error(kUnavailable) if it cannot be had.
  PanelServer(PanelData& data, Readers& readers, const std::string& listen, const std::filesystem::path& socket);
  ~PanelServer();
  PanelServer(const PanelServer&) = delete;
  PanelServer& operator=(const PanelServer&) = delete;

  const std::string& address() const;  // host:port that it got

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Asks the running service over its socket. Throws what it answers.
PredictionView AskForPrediction(const std::filesystem::path& socket, const CaseId& id);
void TellLibraryChanged(const std::filesystem::path& socket);

}  // namespace consilium
