// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/ids.h"

namespace consilium {

// A pseudonym of one DICOM series: never a name, a date or a UID. Equal for equal series within one site
// (HMAC-SHA256 of the Series Instance UID under the site's own key, 16 hex digits), unlinkable across sites.
using SeriesKey = Id<struct SeriesKeyTag>;

}  // namespace consilium
