// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "imaging/dicom/series_reader.h"

namespace consilium {

// What lies below a folder.
struct Listing {
  std::vector<std::filesystem::path> files;  // that may be DICOM, sorted; and links that lead nowhere
  std::vector<RejectedSeries> unlisted;      // folders without rights, or with a path longer than the system allows
};

// All files below `folder` but hidden ones. Links to files and folders are followed, and what several ways lead to is
// listed once: what lies there without a link always, and by that path; else by the first path. A link to a folder that
// it lies in leads back, and is not followed. A link that leads nowhere is listed, for the reader to say so. Throws as
// ScanFolder.
Listing FilesBelow(const std::filesystem::path& folder);

}  // namespace consilium
