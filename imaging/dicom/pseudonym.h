// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "core/base/ids.h"
#include "core/data/series_key.h"
#include "imaging/dicom/series.h"

namespace consilium {

// Pseudonyms: HMAC-SHA256 (RFC 2104) under the site's own secret key, first 16 hex digits. The same series gets the
// same pseudonym at one site, and nobody without the key can tell which series it is. `site_key` must have 16 bytes or
// more.
SeriesKey MakeSeriesKey(const Series& series, std::string_view site_key);
CaseId MakeCaseId(const Series& pet, std::string_view site_key);  // "case-" and 16 hex digits

}  // namespace consilium
