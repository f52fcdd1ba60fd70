// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "core/base/ids.h"
#include "core/data/sample.h"

namespace consilium {

// A prepared sample as a safetensors file: `image` [channel][k][j][i], `label` [k][j][i] (0 or 1; absent without a
// contour), the grid in the metadata. Anonymous voxels; no pseudonym is inside.
void WriteSampleFile(const std::filesystem::path& file, const Sample& sample);
Sample ReadSampleFile(const std::filesystem::path& file, const CaseId& id);  // throws Error if it is damaged

}  // namespace consilium
