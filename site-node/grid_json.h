// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/data/geometry.h"

namespace consilium {

// A grid as one line of JSON, numbers bit for bit: how the site's own files and tables keep it.
std::string GridToJson(const Geometry& grid);
Geometry GridFromJson(std::string_view json);  // throws Error(kDataLoss)

}  // namespace consilium
