// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "site-node/library/importer.h"

namespace consilium {

// What an import says to the person in front of it. Pure.

std::string Thousands(std::int64_t number);                          // "1,910"
std::string Counted(std::int64_t number, const std::string& thing);  // "1 case", "1,910 studies"

// "12,000 of 50,000 files, 4,200 a second, 9 s left": by what was done in `seconds`. Without the end when nothing can
// be said of it yet.
std::string ProgressText(const ImportProgress& progress, double seconds);
double ProgressFraction(const ImportProgress& progress);  // of the whole import: 0 to 1

// Studies grouped by why they are quarantined, the most frequent first: the words that several share as they are, the
// others of one reason together.
std::vector<std::pair<std::int64_t, std::string>> GroupedReasons(const std::vector<StudyRecord>& studies);

// Lines of the list of roles that fit nobody, with the patients' numbers as they stand there. Empty if there are none.
std::string UnmatchedText(const std::vector<UnmatchedRole>& unmatched);

// The end of an import: studies, used, quarantined, reasons, cases without a label, what is gone.
std::string SummaryText(const ImportReport& report);

// Each quarantined study with its place and all that is wrong with it; then what was left out of studies that are used.
std::string QuarantineText(const std::vector<StudyRecord>& studies);

}  // namespace consilium
