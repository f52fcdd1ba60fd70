// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/sqlite.h"

namespace consilium {

struct AuditEntry {
  std::int64_t number = 0;  // from 1, without a hole
  WallTime time;
  std::string actor;    // "administrator ann", "site north", "hub"
  std::string action;   // "invite", "enrol", "approve", "refuse", ...
  std::string subject;  // what it was done to
  std::string detail;
};

// What was decided and refused, as a hash chain: each entry's link is SHA-256 of the link before and of its own fields,
// so no entry can be changed, taken out or put in without breaking every later link. The hub's thread only.
class AuditLog {
 public:
  AuditLog(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  // Subject and detail are kept as plain words (hub/plain_words.h) of at most 1,000 bytes.
  void Add(std::string_view actor, std::string_view action, std::string_view subject, std::string_view detail = {});

  std::vector<AuditEntry> Newest(std::int64_t count) const;  // oldest of them first
  std::int64_t FirstBad() const;                             // number of the first entry that breaks the chain; 0: none

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace consilium
