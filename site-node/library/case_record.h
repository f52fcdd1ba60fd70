// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/data/patient_text.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/pseudonym.h"
#include "imaging/dicom/quarantine.h"
#include "site-node/library/case_roles.h"

namespace consilium {

// What the library says of cases, studies and labels, as values.

struct CaseRecord {
  CaseId id;
  StudyId study;
  CaseRole role = CaseRole::kTraining;  // the patient's
  bool labelled = false;                // has a label to train or measure with; else it is only predicted
  bool present = true;                  // its files were there at the last import
  PatientText patient;                  // for this hospital's own worklist only
  PatientText study_date;               // the same
  std::string no_label;                 // why the last import found no label; empty if there is one

  std::string Note() const;  // what is not as it should be, for a person; empty if all is well
};

// How many cases (studies) there are. One patient may have several. Those whose files are gone do not count.
struct CaseCounts {
  std::int64_t training = 0, validation = 0, unlabelled = 0, test = 0, review = 0;
  std::int64_t all() const { return training + validation + unlabelled + test + review; }
  friend bool operator==(const CaseCounts&, const CaseCounts&) = default;
};

// How many distinct patients (by patient number) have labelled cases of that role, whatever number of studies each has.
// Without a number in their images patients cannot be told apart and count as one.
struct LibraryPatients {
  std::int64_t training = 0, validation = 0;
  friend bool operator==(const LibraryPatients&, const LibraryPatients&) = default;
};

// Something about a study that somebody should see.
enum class FindingKind {
  kRejected,  // a series or file that cannot be used
  kLeftOut,   // one that is not needed: localisers, derived images, screenshots
  kNoLabel,   // a case without a label, and why
  kNote,      // what was done to a series to make it a volume
};
std::string_view Name(FindingKind kind);  // "rejected", "left-out", "no-label", "note"

// The place is a path and may name a patient, and so may the words: for this hospital's own eyes only.
struct Finding {
  FindingKind kind = FindingKind::kRejected;
  std::filesystem::path place;
  Fault fault;
};

// A study and what became of it: used (it has a case, or the CT of one), or quarantined with the reason. Files that
// belong to no study that can be told stand here by their folder, with an empty patient.
struct StudyRecord {
  StudyId id;
  PatientText patient, study_date;
  std::filesystem::path place;   // the folder of its first file
  std::filesystem::path folder;  // the import that found it
  bool used = false;
  Fault fault;  // of a quarantined one
  std::vector<Finding> findings;
};

// How good this hospital's studies are: numbers and the names of reasons only. It may leave the hospital.
struct StudyQuality {
  std::int64_t studies = 0, quarantined = 0;
  std::map<QuarantineReason, std::int64_t> reasons;  // of the quarantined studies
  friend bool operator==(const StudyQuality&, const StudyQuality&) = default;
};

// One version of a case's label. Versions are only added, never changed or removed.
struct LabelVersion {
  std::int64_t version = 1;
  LabelKind kind = LabelKind::kRtStruct;
  std::string author;           // who gave it; empty: found by an import
  std::string model;            // of a prediction that was corrected: its digest in hex; else empty
  bool training = true;         // consent to train and measure with it
  std::string trouble;          // why it cannot be used; else empty
  std::filesystem::path place;  // where it came from
  Digest digest;                // of the file, which the library keeps
  WallTime added;
  bool in_use = false;  // the one that is trained and measured with
};

}  // namespace consilium
