// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/store/audit_log.h"

#include <algorithm>

#include "hub/plain_words.h"

namespace consilium {
namespace {

constexpr std::size_t kLongestField = 1000;  // bytes; refusals quote what strangers sent

std::span<const std::byte> BytesOf(const Digest& digest) { return std::as_bytes(std::span(digest.bytes)); }

WallTime FromMilliseconds(std::int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

// Each field with its length before it, so that no two entries give the same bytes.
Digest Link(std::span<const std::byte> before, const AuditEntry& entry) {
  Sha256 hash;
  hash.Add(before);
  const std::string number = std::to_string(entry.number);
  const std::string time = std::to_string(entry.time.time_since_epoch().count());
  for (const std::string* field : {&number, &time, &entry.actor, &entry.action, &entry.subject, &entry.detail}) {
    hash.Add(std::to_string(field->size()) + ":");
    hash.Add(*field);
  }
  return hash.Finish();
}

AuditEntry EntryOf(const Statement& row) {
  return {row.Int(0), FromMilliseconds(row.Int(1)), row.Text(2), row.Text(3), row.Text(4), row.Text(5)};
}

}  // namespace

void AuditLog::Add(std::string_view actor, std::string_view action, std::string_view subject, std::string_view detail) {
  AuditEntry entry{1,
                   clock_.Wall(),
                   std::string(actor),
                   std::string(action),
                   PlainWords(subject, kLongestField),
                   PlainWords(detail, kLongestField)};
  std::vector<std::byte> before;
  Statement last(database_, "SELECT number, chain FROM audit ORDER BY number DESC LIMIT 1");
  if (last.Step()) {
    entry.number = last.Int(0) + 1;
    before = last.Blob(1);
  }
  const Digest link = Link(before, entry);
  Statement insert(database_, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(1, entry.number).Bind(2, std::int64_t{entry.time.time_since_epoch().count()});
  insert.Bind(3, entry.actor).Bind(4, entry.action).Bind(5, entry.subject).Bind(6, entry.detail);
  insert.Bind(7, BytesOf(link)).Execute();
}

std::vector<AuditEntry> AuditLog::Newest(std::int64_t count) const {
  std::vector<AuditEntry> entries;
  Statement rows(database_,
                 "SELECT number, time_ms, actor, action, subject, detail FROM audit ORDER BY number DESC LIMIT ?");
  rows.Bind(1, count);
  while (rows.Step()) entries.push_back(EntryOf(rows));
  std::reverse(entries.begin(), entries.end());
  return entries;
}

std::int64_t AuditLog::FirstBad() const {
  Statement rows(database_, "SELECT number, time_ms, actor, action, subject, detail, chain FROM audit ORDER BY number");
  std::vector<std::byte> before;
  for (std::int64_t expected = 1; rows.Step(); ++expected) {
    const AuditEntry entry = EntryOf(rows);
    const std::vector<std::byte> stored = rows.Blob(6);
    const Digest link = Link(before, entry);
    if (entry.number != expected || !std::ranges::equal(stored, BytesOf(link))) return expected;
    before = stored;
  }
  return 0;
}

}  // namespace consilium
