// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/schema.h"

#include <array>
#include <string_view>

namespace consilium {
namespace {

// Each entry is applied once, in order; old ones are never edited.
constexpr std::array<std::string_view, 2> kMigrations = {R"sql(
CREATE TABLE federation (name TEXT NOT NULL, id TEXT NOT NULL) STRICT;
CREATE TABLE sites (
  site TEXT PRIMARY KEY, display_name TEXT NOT NULL, state TEXT NOT NULL, since_ms INTEGER NOT NULL,
  request BLOB, key_fingerprint TEXT NOT NULL DEFAULT '', certificate BLOB, delivered INTEGER NOT NULL DEFAULT 0,
  training INTEGER NOT NULL DEFAULT -1, validation INTEGER NOT NULL DEFAULT 0, last_seen_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE invitations (
  token BLOB PRIMARY KEY, site TEXT NOT NULL, display_name TEXT NOT NULL, expires_ms INTEGER NOT NULL, request BLOB
) STRICT;
CREATE TABLE administrators (
  name TEXT PRIMARY KEY, certificate BLOB NOT NULL, added_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE runs (
  number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, first_model BLOB NOT NULL,
  started_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE events (
  run TEXT NOT NULL REFERENCES runs (run), number INTEGER NOT NULL, time_ms INTEGER NOT NULL, event TEXT NOT NULL,
  PRIMARY KEY (run, number)
) STRICT;
CREATE TABLE submissions (
  run TEXT NOT NULL REFERENCES runs (run), round INTEGER NOT NULL, site TEXT NOT NULL, attempt INTEGER NOT NULL,
  digest BLOB NOT NULL, bytes INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run, round, site, attempt)
) STRICT;
CREATE TABLE traffic (
  run TEXT NOT NULL REFERENCES runs (run), round INTEGER NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL,
  PRIMARY KEY (run, round)
) STRICT;
CREATE TABLE audit (
  number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  subject TEXT NOT NULL, detail TEXT NOT NULL, chain BLOB NOT NULL
) STRICT;
)sql",
                                                         // What sites say of their studies; -1: not said.
                                                         R"sql(
ALTER TABLE sites ADD COLUMN studies INTEGER NOT NULL DEFAULT -1;
ALTER TABLE sites ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;
CREATE TABLE quarantined (
  site TEXT NOT NULL, reason TEXT NOT NULL, studies INTEGER NOT NULL, PRIMARY KEY (site, reason)
) STRICT;
)sql"};

}  // namespace

Database OpenHubDatabase(const std::filesystem::path& file) { return {file, kMigrations}; }

}  // namespace consilium
