// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// What the library knows of studies, and how an import of one folder changes it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/error.h"
#include "site-node/library/case_store.h"

namespace consilium {
namespace {

QuarantineReason ReasonFrom(const std::string& name) {
  for (const QuarantineReason reason : kAllQuarantineReasons)
    if (Name(reason) == name) return reason;
  throw UnknownRow("reason", name);
}

FindingKind KindFrom(const std::string& name) {
  for (const FindingKind kind :
       {FindingKind::kRejected, FindingKind::kLeftOut, FindingKind::kNoLabel, FindingKind::kNote})
    if (Name(kind) == name) return kind;
  throw UnknownRow("finding", name);
}

std::string WithSlash(const std::filesystem::path& folder) {
  const std::string text = folder.string();
  return text.ends_with('/') ? text : text + "/";
}

// In SQL: whether a column's path is the folder (?1) or lies below it (?2, with a slash).
std::string IsBelow(std::string_view column) {
  return fmt::format("({0} = ?1 OR substr({0}, 1, length(?2)) = ?2)", column);
}

}  // namespace

std::string_view Name(FindingKind kind) {
  switch (kind) {
    case FindingKind::kRejected: return "rejected";
    case FindingKind::kLeftOut: return "left-out";
    case FindingKind::kNoLabel: return "no-label";
    case FindingKind::kNote: return "note";
  }
  Ensure(false, "unknown kind of finding");
  return {};
}

// What was said of files elsewhere than below the study's folder stays; and what was said of those there, unless it is
// said `anew`.
void CaseStore::PutStudy(const StudyRecord& study, bool anew) {
  const std::string folder = study.folder.string(), below = WithSlash(study.folder);
  Statement add(database_,
                "INSERT INTO studies(id, patient, study_date, place, folder, used, reason, words) "
                "VALUES(?3,?4,?5,?6,?1,0,?7,'') ON CONFLICT(id) DO UPDATE SET patient = ?4, "
                "study_date = CASE WHEN ?5 = '' THEN study_date ELSE ?5 END, " +
                    fmt::format("folder = CASE WHEN {0} THEN ?1 ELSE folder END, "
                                "place = CASE WHEN {0} THEN ?6 ELSE place END",
                                IsBelow("place")));
  add.Bind(1, folder).Bind(2, below).Bind(3, study.id.text()).Bind(4, study.patient.Reveal());
  add.Bind(5, study.study_date.Reveal()).Bind(6, study.place.string());
  add.Bind(7, Name(QuarantineReason::kNoImages)).Execute();
  if (anew) {
    Statement forget(database_, "DELETE FROM findings WHERE study = ?3 AND " + IsBelow("place"));
    forget.Bind(1, folder).Bind(2, below).Bind(3, study.id.text()).Execute();
  }
  Statement finding(database_,
                    "INSERT INTO findings(study, kind, place, reason, words) SELECT ?1,?2,?3,?4,?5 WHERE NOT EXISTS("
                    "SELECT 1 FROM findings WHERE study = ?1 AND kind = ?2 AND place = ?3 AND reason = ?4 AND "
                    "words = ?5)");
  for (const Finding& one : study.findings) {
    finding.Bind(1, study.id.text()).Bind(2, Name(one.kind)).Bind(3, one.place.string());
    finding.Bind(4, Name(one.fault.reason)).Bind(5, one.fault.words).Execute();
  }
}

bool CaseStore::Used(const StudyId& id) {
  Statement read(database_, "SELECT 1 FROM cases WHERE present = 1 AND (study = ?1 OR ct_study = ?1)");
  return read.Bind(1, id.text()).Step();
}

// Used if it has a case that is there; else quarantined by the first finding that says why, a missing partner last:
// that may be missing because of the other.
void CaseStore::Judge(const StudyId& id) {
  Fault fault{QuarantineReason::kNoImages, "nothing in it can be used"};
  const bool used = Used(id);
  if (!used) {
    Statement why(database_,
                  "SELECT reason, words FROM findings WHERE study = ?1 AND kind = 'rejected' "
                  "ORDER BY reason = ?2, rowid LIMIT 1");
    Statement had(database_, "SELECT 1 FROM cases WHERE study = ?1 OR ct_study = ?1");
    if (why.Bind(1, id.text()).Bind(2, Name(QuarantineReason::kNoPair)).Step()) {
      fault = {ReasonFrom(why.Text(0)), why.Text(1)};
    } else if (had.Bind(1, id.text()).Step()) {
      fault.words = "files of it are no longer there";
    }
  }
  Statement judge(database_, "UPDATE studies SET used = ?2, reason = ?3, words = ?4 WHERE id = ?1");
  judge.Bind(1, id.text()).Bind(2, std::int64_t{used}).Bind(3, used ? "" : Name(fault.reason));
  judge.Bind(4, used ? "" : fault.words).Execute();
}

std::vector<CaseStore::CaseBelow> CaseStore::Below(const std::filesystem::path& folder) {
  std::lock_guard lock(mutex_);
  Statement read(database_, fmt::format("SELECT id, MIN({0}) FROM cases JOIN files ON case_id = id WHERE present = 1 "
                                        "GROUP BY id HAVING MAX({0})",
                                        IsBelow("path")));
  read.Bind(1, folder.string()).Bind(2, WithSlash(folder));
  std::vector<CaseBelow> cases;
  while (read.Step()) cases.push_back({CaseId(read.Text(0)), read.Int(1) != 0});
  return cases;
}

// Every study of which an import of the folder may say something new.
std::set<StudyId> CaseStore::Touched(const std::filesystem::path& folder, std::span<const StudyRecord> studies,
                                     std::span<const CaseId> gone) {
  std::set<StudyId> touched;
  for (const StudyRecord& study : studies) touched.insert(study.id);
  Statement inside(database_, fmt::format("SELECT id FROM studies WHERE {0} UNION SELECT study FROM findings WHERE {0}",
                                          IsBelow("place")));
  inside.Bind(1, folder.string()).Bind(2, WithSlash(folder));
  while (inside.Step()) touched.emplace(inside.Text(0));
  Statement of_case(database_, "SELECT study, ct_study FROM cases WHERE id = ?");
  for (const CaseId& id : gone) {
    of_case.Bind(1, id.text());
    while (of_case.Step())
      for (const int column : {0, 1})
        if (!of_case.Text(column).empty()) touched.emplace(of_case.Text(column));
    of_case.Reset();
  }
  return touched;
}

// A study of which an import of the folder saw nothing: it goes, unless something is known of it elsewhere.
void CaseStore::ForgetBelow(const StudyId& id, const std::filesystem::path& folder) {
  if (Used(id)) return;
  const std::string below = IsBelow("place");
  for (const std::string& words : {"DELETE FROM findings WHERE study = ?3 AND " + below,
                                   "DELETE FROM studies WHERE id = ?3 AND NOT EXISTS("
                                   "SELECT 1 FROM findings WHERE study = ?3) AND " +
                                       below}) {
    Statement forget(database_, words);
    forget.Bind(1, folder.string()).Bind(2, WithSlash(folder)).Bind(3, id.text()).Execute();
  }
}

std::vector<StudyRecord> CaseStore::Finish(const std::filesystem::path& folder, std::span<const StudyRecord> studies,
                                           std::span<const CaseId> gone) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  std::set<StudyId> touched = Touched(folder, studies, gone);
  Statement set(database_, "UPDATE cases SET present = 0 WHERE id = ?");
  for (const CaseId& id : gone) set.Bind(1, id.text()).Execute();
  if (!gone.empty()) Changed();

  std::set<StudyId> seen;
  for (const StudyRecord& study : studies) {
    seen.insert(study.id);
    StudyRecord part = study;
    // A case of it lies partly elsewhere: its other half is no partner that is missing, and what was said of it holds.
    const bool elsewhere = !study.used && Used(study.id);
    if (elsewhere)
      std::erase_if(part.findings, [](const Finding& one) { return one.fault.reason == QuarantineReason::kNoPair; });
    PutStudy(part, !elsewhere);
  }
  for (const StudyId& id : touched) {
    if (!seen.contains(id)) ForgetBelow(id, folder);
    Judge(id);
  }
  std::vector<StudyRecord> judged = StudiesLocked();
  std::erase_if(judged, [&](const StudyRecord& study) { return !touched.contains(study.id); });
  transaction.Commit();
  return judged;
}

std::vector<StudyRecord> CaseStore::Studies() {
  std::lock_guard lock(mutex_);
  return StudiesLocked();
}

std::vector<StudyRecord> CaseStore::StudiesLocked() {
  std::map<std::string, std::vector<Finding>> findings;
  Statement each(database_, "SELECT study, kind, place, reason, words FROM findings ORDER BY rowid");
  while (each.Step())
    findings[each.Text(0)].push_back({KindFrom(each.Text(1)), each.Text(2), {ReasonFrom(each.Text(3)), each.Text(4)}});
  Statement read(database_,
                 "SELECT id, patient, study_date, place, folder, used, reason, words FROM studies ORDER BY place, id");
  std::vector<StudyRecord> studies;
  while (read.Step()) {
    StudyRecord study;
    study.id = StudyId(read.Text(0));
    study.patient = PatientText(read.Text(1));
    study.study_date = PatientText(read.Text(2));
    study.place = read.Text(3);
    study.folder = read.Text(4);
    study.used = read.Int(5) != 0;
    if (!study.used) study.fault = {ReasonFrom(read.Text(6)), read.Text(7)};
    if (const auto found = findings.find(study.id.text()); found != findings.end())
      study.findings = std::move(found->second);
    studies.push_back(std::move(study));
  }
  return studies;
}

StudyQuality CaseStore::Quality() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT used, reason, COUNT(*) FROM studies GROUP BY used, reason");
  StudyQuality quality;
  while (read.Step()) {
    quality.studies += read.Int(2);
    if (read.Int(0) != 0) continue;
    quality.quarantined += read.Int(2);
    quality.reasons[ReasonFrom(read.Text(1))] = read.Int(2);
  }
  return quality;
}

}  // namespace consilium
