// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "proto/admin.pb.h"
#include "proto/site.pb.h"

namespace consilium {

// What the administrator's commands print: plain text in columns, and the same as JSON. Pure functions.

std::string SpanText(std::int64_t milliseconds);  // "now", "40 s", "2 min", "5 h", "3 d"
std::string BytesText(std::uint64_t bytes);       // "980 B", "1.3 MB"

// A site that waits is named below the table with its whole key, as `join` shows it.
std::string SitesText(const v1::FederationState& state, WallTime now);
std::string SitesJson(const v1::FederationState& state);

std::string InvitationsText(const v1::InvitationsReply& reply);
std::string InvitationsJson(const v1::InvitationsReply& reply);

std::string RunText(const v1::FederationState& state);  // rounds as a table, then what happens now
std::string RunLine(const v1::FederationState& state);  // one line: where the run is and for whom it waits
std::string RoundLine(const v1::RoundView& round);      // one line for a finished round
std::string RunJson(const v1::RunView& run);
std::string RunJsonLine(const v1::RunView& run);  // for streams: one object a line
std::string EndText(const v1::RunView& run);      // one line when a run has ended
bool Ended(const v1::RunView& run);

std::string AuditText(const v1::AuditReply& audit);

}  // namespace consilium
