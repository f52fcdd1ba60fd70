// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/sqlite.h"
#include "site-node/library/case_record.h"

namespace consilium {

// A case as an import writes it.
struct CaseEntry {
  CaseId id;
  StudyId study;
  PatientText patient, study_date;
  std::string images_stamp, label_stamp;  // change when the files do
  std::vector<std::filesystem::path> pet, ct;
  std::string no_label;  // why the import found none
};

// What the library knows of a case that was imported before.
struct KnownCase {
  std::string images_stamp, label_stamp;
  bool present = true;
};

// library.sqlite: every row that the library keeps. Each call is one transaction. Thread-safe; several processes may
// have it open.
class CaseStore {
 public:
  CaseStore(const std::filesystem::path& file, Clock& clock);

  WallTime Now() const { return clock_.Wall(); }

  PatientRoles Roles();
  void AddRoles(const PatientRoles& roles);  // a patient that has one keeps it

  std::optional<KnownCase> Known(const CaseId& id);
  // The case, its study's verdict and the versions of its label that are new or whose trouble changed: all or nothing.
  void Write(const CaseEntry& entry, const StudyRecord& study, std::span<const LabelVersion> labels);
  void SetPresent(const CaseId& id, bool present);
  // The end of an import of `folder`: these are all its studies, and of the cases that lie in it only `present` are
  // there. Returns those whose files are gone.
  std::vector<CaseId> Finish(const std::filesystem::path& folder, std::span<const StudyRecord> studies,
                             const std::set<CaseId>& present);

  std::vector<CaseRecord> Cases();  // by number of the patient
  std::optional<CaseRecord> Find(const CaseId& id);
  std::vector<std::filesystem::path> Files(const CaseId& id, std::string_view kind);  // "pet", "ct"; in order
  std::vector<StudyRecord> Studies();                                                 // by place
  StudyQuality Quality();
  std::int64_t Generation();  // rises with everything that changes what is trained with
  LibraryPatients Patients();

  std::vector<LabelVersion> Labels(const CaseId& id);  // newest first
  std::int64_t AddLabel(const CaseId& id, const LabelVersion& label);
  void UseLabel(const CaseId& id, std::optional<std::int64_t> version);  // none: the newest that may be used
  void SetTraining(const CaseId& id, std::int64_t version, bool training);

  void RunIsActive(const RunId& run);
  void RunHasEnded(const RunId& run);  // nothing for a run that was never active here
  struct RunsSeen {
    std::optional<RunId> active;
    std::int64_t ended = 0;
  };
  RunsSeen Runs();

 private:
  std::vector<LabelVersion> LabelsLocked(const CaseId& id);
  void PutLabel(const CaseId& id, const LabelVersion& label);
  void PutStudy(const StudyRecord& study);
  std::vector<CaseRecord> CasesLocked(const std::string& only);
  void Changed();

  Clock& clock_;
  std::mutex mutex_;  // guards database_
  Database database_;
};

// True if `a` comes before `b` when runs of digits count as numbers: STS_9 before STS_10.
bool NaturalLess(std::string_view a, std::string_view b);

}  // namespace consilium
