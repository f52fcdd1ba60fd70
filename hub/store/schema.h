// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "core/base/sqlite.h"

namespace consilium {

// Opens or makes the hub's database, hub.sqlite: federation, roster, invitations, administrators, runs with their
// events, submissions, traffic, audit. Bulk data lies in files, never here.
Database OpenHubDatabase(const std::filesystem::path& file);

}  // namespace consilium
