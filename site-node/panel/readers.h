// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/certificate.h"
#include "core/base/clock.h"
#include "core/base/reader_file.h"
#include "core/base/secret.h"
#include "core/base/sqlite.h"

namespace consilium {

struct Reader {
  std::string name;
  std::string fingerprint;  // of the certificate, for people
  WallTime not_after;
};

// The people of this hospital who may look at its panel, and the authority that vouches for them: the site's own, with
// nothing in common with the hub's. Thread-safe; several processes may open it.
class Readers {
 public:
  // Opens `dir`, or makes the authority there. `passphrase` may be null: then the key's file has mode 0600.
  Readers(const std::filesystem::path& dir, const Secret* passphrase, Clock& clock);

  // A reader's own key and certificate, for one desktop. The key is made here and kept nowhere else. Throws
  // Error(kAlreadyExists, kInvalidArgument).
  ReaderFile Add(const std::string& name, const std::string& site, const std::string& panel);
  void Remove(const std::string& name);  // refused from now on; throws Error(kNotFound)
  std::vector<Reader> List();

  // Throws Error(kPermissionDenied) unless this is the certificate of a reader on the list.
  void RequireReader(const std::string& certificate_pem);

  // The panel's own certificate and key, made anew at every start.
  struct ServerIdentity {
    std::string certificate_pem;  // with the authority's behind it
    std::string key_pem;
    std::string authority_pem;
  };
  ServerIdentity MakeServerIdentity();

 private:
  Clock& clock_;
  std::mutex mutex_;  // guards database_
  Database database_;
  PrivateKey key_;
  Certificate authority_;
};

}  // namespace consilium
