// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/dicom/study_finder.h"
#include "site-node/library/case_labels.h"
#include "site-node/library/case_record.h"
#include "site-node/library/case_roles.h"
#include "site-node/library/case_store.h"

namespace consilium {

struct LibraryOptions {
  RoleRules roles = {};
  std::filesystem::path roles_file = {};                // the site's own list, read by every import; empty: none
  std::string contours = "GTV*,Tumour*,Tumor*";         // what the tumour is called, in site.toml
  std::vector<LabelQuery> other_labels = {};            // that plans may ask for, and what they are called
  std::uint64_t sample_bytes = std::uint64_t{1} << 36;  // room for prepared samples: SampleCache
};

inline constexpr std::string_view kLookingAtFiles = "looking at files", kReadingStudies = "reading studies";

// How the tumour's label is found in a file.
LabelQuery TumourOf(const LibraryOptions& options);
// The same query for the file of one version: what a person gave was looked at, even if a program drew it.
LabelQuery QueryOf(LabelQuery query, const LabelVersion& version);
// The first label of this site that the file holds, the tumour's before others. Throws what ReadLabel() says of the
// tumour's if there is none.
LabelMap ReadAnyLabel(const std::filesystem::path& file, const Series& pet, const LibraryOptions& options,
                      bool accept_automatic);

struct ImportProgress {
  std::string_view what;                   // one of the two above
  std::int64_t done = 0, all = 0;          // files, or studies
  std::int64_t used = 0, quarantined = 0;  // of the studies that are done
};

struct ImportHooks {
  std::function<void(const ImportProgress&)> progress = {};
  std::stop_token stop = {};
  // Before and after the images or the label of a known case change in the library: what was made of the old ones must
  // go. Killed at any point, nothing old is left that passes for new.
  std::function<void(const CaseId&)> changed = {};
  bool accept_gone = false;  // nothing is there any more of all that was imported from the folder, and that is meant
  bool accept_unmatched = false;  // the list of roles names patients that nobody knows yet, and that is meant
};

// What became of the studies below the folder.
struct ImportReport {
  std::int64_t added = 0;       // new cases
  std::int64_t known = 0;       // cases that were there already, unchanged
  std::vector<CaseId> changed;  // cases whose files or label changed since they were imported
  std::vector<CaseId> gone;     // cases of this folder whose files are no longer there
  std::vector<StudyRecord> studies;
  std::map<std::string, std::int64_t> no_label;  // cases that are only predicted, by reason
  std::vector<UnmatchedRole> unmatched;          // lines of the list of roles whose patient nobody knows

  StudyQuality Quality() const;
  std::vector<Finding> Rejected() const;  // of all studies
};

// Roles for the patients that are seen, by what the library knows of all others, into the store.
void DecideRoles(CaseStore& store, std::vector<PatientSeen> seen, const PatientRoles& list,
                 const LibraryOptions& options, std::string_view site_key);

// Takes in every study below a folder: headers first, then each case whole, so that a damaged file is found now and
// not in a round. What is done is kept study by study: killed at any point and started again, it does not read again
// what it has read, unless files changed. A bad study is quarantined with the reason and the others go on. What is
// known of files outside the folder stays. One import at a time.
class Importer {
 public:
  // `dir` is the library's folder. All references outlive the importer.
  Importer(const std::filesystem::path& dir, CaseStore& store, const LabelShelf& labels, const LibraryOptions& options,
           std::string_view site_key, std::function<void(const CaseId&)> forget);

  // Throws Error(kNotFound) without the folder, Error(kFailedPrecondition) when another import is running, when the
  // list of roles does not fit the patients, or when all that was imported from the folder is gone; Error(kCancelled)
  // when it was stopped.
  ImportReport Run(const std::filesystem::path& folder, const ImportHooks& hooks);

 private:
  // What an import has to say of a case's label.
  struct LabelNews {
    std::vector<LabelVersion> changes;  // new versions, and those whose trouble changed
    std::string none_because;           // empty: there is a label to train or measure with
    std::filesystem::path place;        // of the contour that was found
    Fault fault;                        // why it cannot be used; empty words: it can
  };
  StudyRecord& StudyOf(const PatientText& patient, const PatientText& study_uid, const std::filesystem::path& place);
  void AddKnown(CaseScan& scan);
  void RequireThere(const CaseScan& scan);
  void RequireListFits(const CaseScan& scan, const RoleList& list, bool accept);
  void NoteStudies(const CaseScan& scan);
  void TakeInAll(const CaseScan& scan, const PatientRoles& list, const ImportHooks& hooks);
  void DecideRoles(const CaseScan& scan, const std::vector<bool>& taken, const PatientRoles& list);
  void TakeIn(const PatientCase& patient);
  void Count(const StudyId& study);
  void ReadImages(const PatientCase& patient) const;
  LabelNews KnownLabels(const CaseId& id);
  LabelNews NewLabels(const CaseId& id, const PatientCase& patient);
  bool LabelsAreWhole(const CaseId& id);
  std::set<Digest> KeepContours(const PatientCase& patient, std::vector<LabelVersion>& versions, LabelNews& news);
  std::vector<CaseId> Gone();
  bool MissingAll(const CaseId& id);
  std::vector<std::filesystem::path> FilesBelow(const CaseId& id);
  void Finish();

  const std::filesystem::path dir_;
  CaseStore& store_;
  const LabelShelf& labels_;
  const LibraryOptions& options_;
  const std::string_view site_key_;
  const std::function<void(const CaseId&)> forget_;

  // Of the run.
  std::filesystem::path folder_;
  std::map<StudyId, StudyRecord> studies_;
  std::map<std::filesystem::path, StudyId> study_in_;  // of folders that hold files of one study
  std::map<StudyId, std::int64_t> pending_;            // series of its cases that were not read yet
  std::set<CaseId> seen_, present_;
  std::set<PatientText> labelled_;  // who turned out to have a label to learn from
  ImportProgress progress_;
  ImportReport report_;
};

}  // namespace consilium
