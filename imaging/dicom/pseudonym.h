// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "core/base/ids.h"
#include "core/data/patient_text.h"
#include "core/data/series_key.h"
#include "imaging/dicom/series.h"

namespace consilium {

using StudyId = Id<struct StudyTag>;  // a site's own pseudonym of one study; never leaves the site

// Pseudonyms: HMAC-SHA256 (RFC 2104) under the site's own secret key, first 16 hex digits. The same series gets the
// same pseudonym at one site, and nobody without the key can tell which series it is. `site_key` must have 16 bytes or
// more.
SeriesKey MakeSeriesKey(const Series& series, std::string_view site_key);
CaseId MakeCaseId(const Series& pet, std::string_view site_key);  // "case-" and 16 hex digits
// "study-" and 16 hex digits. Of what names no study, the folder stands in for it.
StudyId MakeStudyId(const PatientText& patient_id, const PatientText& study_uid, std::string_view site_key);

// A number in [0, 1) that is always the same for one text under one key, and even over texts: what draws a patient's
// role. Only who has the key can tell it beforehand.
double KeyedFraction(const PatientText& text, std::string_view site_key);

}  // namespace consilium
