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
#include "core/base/error.h"
#include "core/base/sqlite.h"
#include "site-node/library/case_record.h"

namespace consilium {

// A case as an import writes it.
struct CaseEntry {
  CaseId id;
  StudyId study, ct_study;  // of the PET, which is the case's, and of the CT
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

  PatientRoles Roles();         // of all patients
  PatientRoles SettledRoles();  // of those whose role is for good: they had a label, or are for test or review
  void AddRoles(const PatientRoles& roles);  // a patient whose role is settled keeps it

  std::optional<KnownCase> Known(const CaseId& id);
  // The case, its study's verdict and the versions of its label that are new or whose trouble changed: all or nothing.
  // With a label that may be used the patient's role is settled.
  void Write(const CaseEntry& entry, const StudyRecord& study, std::span<const LabelVersion> labels);
  void Confirm(const CaseEntry& entry);  // it is there, as it was written
  // The images of a known case now name this patient, as when a number was corrected. Who the images were is who they
  // are: a role that was settled goes with them.
  void SetPatient(const CaseId& id, const PatientText& patient);

  // A case that was there at the last import and has files below a folder.
  struct CaseBelow {
    CaseId id;
    bool whole = true;  // all its files lie there
  };
  std::vector<CaseBelow> Below(const std::filesystem::path& folder);
  // The end of an import of `folder`: the files of the cases `gone` are not there any more, and `studies` are all that
  // was seen below it. What is known of files elsewhere stays, and each study is judged by all that is known. Returns
  // the studies so judged, by place.
  std::vector<StudyRecord> Finish(const std::filesystem::path& folder, std::span<const StudyRecord> studies,
                                  std::span<const CaseId> gone);

  std::vector<CaseRecord> Cases();  // by number of the patient
  std::optional<CaseRecord> Find(const CaseId& id);
  std::vector<std::filesystem::path> Files(const CaseId& id, std::string_view kind);  // "pet", "ct"; in order
  std::vector<StudyRecord> Studies();                                                 // by place
  StudyQuality Quality();
  std::int64_t Generation();  // rises with everything that changes what is trained with
  LibraryPatients Patients();

  std::vector<LabelVersion> Labels(const CaseId& id);  // newest first
  // The number of the new version. Bytes that are a version already are refused with Error(kAlreadyExists), unless that
  // one is in trouble (then it is mended) or has no consent (then somebody gives it anew).
  std::int64_t AddLabel(const CaseId& id, const LabelVersion& label);
  void UseLabel(const CaseId& id, std::optional<std::int64_t> version);  // none: the newest that may be used
  // Takes the consent back from the version and from all others of the same bytes, in whatever case. Returns the cases.
  std::set<CaseId> Withdraw(const CaseId& id, std::int64_t version);
  bool HasConsent(const Digest& digest);  // false: somebody gave or left these bytes without it

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
  void PutStudy(const StudyRecord& study, bool anew);
  bool Used(const StudyId& id);
  void Judge(const StudyId& id);
  std::set<StudyId> Touched(const std::filesystem::path& folder, std::span<const StudyRecord> studies,
                            std::span<const CaseId> gone);
  void ForgetBelow(const StudyId& id, const std::filesystem::path& folder);
  void SettleRole(const CaseId& id);
  std::vector<StudyRecord> StudiesLocked();
  PatientRoles RolesLocked(std::string_view which);
  std::vector<CaseRecord> CasesLocked(const std::string& only);
  void Changed();

  Clock& clock_;
  std::mutex mutex_;  // guards database_
  Database database_;
};

// The library holds something that this program does not know.
Error UnknownRow(std::string_view what, const std::string& name);

// True if `a` comes before `b` when runs of digits count as numbers: STS_9 before STS_10.
bool NaturalLess(std::string_view a, std::string_view b);

}  // namespace consilium
