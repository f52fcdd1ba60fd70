// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/digest.h"

namespace consilium {

// Words of a file for a terminal: what would move its cursor becomes '?'.
std::string OneLine(std::string text);

// The SEG part of `consilium inspect`: what a DICOM SEG says about itself, as text or JSON. Nothing that belongs to a
// patient is in it: no name, identifier, UID or date. Throws what ReadSegInfo throws.
std::string DescribeSeg(const std::filesystem::path& file, const Digest& digest, std::uint64_t bytes, bool json);

}  // namespace consilium
