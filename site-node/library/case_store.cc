// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr std::string_view kMigrations[] = {R"sql(
CREATE TABLE cases(
  id TEXT PRIMARY KEY, role TEXT NOT NULL, patient TEXT NOT NULL, study_date TEXT NOT NULL, note TEXT NOT NULL,
  stamp TEXT NOT NULL, added_ms INTEGER NOT NULL);
CREATE TABLE files(
  case_id TEXT NOT NULL REFERENCES cases(id) ON DELETE CASCADE, kind TEXT NOT NULL, position INTEGER NOT NULL,
  path TEXT NOT NULL, PRIMARY KEY(case_id, kind, position));
CREATE TABLE quarantine(
  place TEXT NOT NULL, reason TEXT NOT NULL, folder TEXT NOT NULL, PRIMARY KEY(place, reason));
CREATE TABLE generation(value INTEGER NOT NULL);
INSERT INTO generation VALUES(0);
)sql",
                                            // Roles of patients, verdicts of studies, versions of labels.
                                            R"sql(
CREATE TABLE patients(patient TEXT PRIMARY KEY, role TEXT NOT NULL, decided_ms INTEGER NOT NULL);
INSERT INTO patients SELECT patient, CASE WHEN MAX(role = 'validation') THEN 'validation' ELSE 'training' END,
  MIN(added_ms) FROM cases GROUP BY patient;
CREATE TABLE labels(
  case_id TEXT NOT NULL REFERENCES cases(id) ON DELETE CASCADE, version INTEGER NOT NULL, source TEXT NOT NULL,
  author TEXT NOT NULL, model TEXT NOT NULL, training INTEGER NOT NULL, trouble TEXT NOT NULL, place TEXT NOT NULL,
  digest TEXT NOT NULL, added_ms INTEGER NOT NULL, PRIMARY KEY(case_id, version));
ALTER TABLE cases DROP COLUMN role;
ALTER TABLE cases RENAME COLUMN note TO no_label;
ALTER TABLE cases RENAME COLUMN stamp TO images_stamp;
ALTER TABLE cases ADD COLUMN label_stamp TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN study TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN present INTEGER NOT NULL DEFAULT 1;
ALTER TABLE cases ADD COLUMN chosen_label INTEGER;
CREATE VIEW labels_in_use AS
  SELECT case_id, COALESCE(MAX(CASE WHEN version = chosen_label THEN version END), MAX(version)) AS version
  FROM labels JOIN cases ON cases.id = case_id WHERE training = 1 AND trouble = '' GROUP BY case_id;
CREATE TABLE studies(
  id TEXT PRIMARY KEY, patient TEXT NOT NULL, study_date TEXT NOT NULL, place TEXT NOT NULL, folder TEXT NOT NULL,
  used INTEGER NOT NULL, reason TEXT NOT NULL, words TEXT NOT NULL);
CREATE TABLE findings(
  study TEXT NOT NULL REFERENCES studies(id) ON DELETE CASCADE, kind TEXT NOT NULL, place TEXT NOT NULL,
  reason TEXT NOT NULL, words TEXT NOT NULL);
CREATE INDEX findings_of_study ON findings(study);
DROP TABLE quarantine;
CREATE TABLE runs(run TEXT PRIMARY KEY, active INTEGER NOT NULL, seen_ms INTEGER NOT NULL);
UPDATE cases SET images_stamp = '';
)sql",
                                            // The label in use of one case without a look at all labels.
                                            R"sql(
DROP VIEW labels_in_use;
CREATE VIEW labels_in_use AS
  SELECT id AS case_id, (
    SELECT COALESCE(MAX(CASE WHEN version = chosen_label THEN version END), MAX(version))
    FROM labels WHERE case_id = cases.id AND training = 1 AND trouble = '') AS version
  FROM cases;
)sql",
                                            // Roles that are for good; the study of a case's CT. Who was labelled once
                                            // may have been learnt from.
                                            R"sql(
ALTER TABLE patients ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
UPDATE patients SET settled = 1 WHERE role IN ('test', 'review') OR patient IN (
  SELECT patient FROM cases JOIN labels ON case_id = id);
ALTER TABLE cases ADD COLUMN ct_study TEXT NOT NULL DEFAULT '';
CREATE INDEX cases_of_study ON cases(study);
CREATE INDEX cases_of_ct_study ON cases(ct_study);
)sql"};

CaseRole RoleFrom(const std::string& name) {
  if (const auto role = RoleNamed(name)) return *role;
  throw UnknownRow("role", name);
}

LabelKind KindOfLabelFrom(const std::string& name) {
  for (const LabelKind kind : {LabelKind::kRtStruct, LabelKind::kSeg, LabelKind::kNifti})
    if (Name(kind) == name) return kind;
  throw UnknownRow("kind of label", name);
}

std::int64_t Milliseconds(WallTime time) { return time.time_since_epoch().count(); }

// Twice the same bytes would be two consents for one drawing.
Error SameAs(const LabelVersion& twin, const CaseId& id) {
  return {ErrorCode::kAlreadyExists,
          fmt::format("this file is version {} of the label of {} already", twin.version, id.text()),
          fmt::format("See its versions: consilium-site label list {}", id.text())};
}

}  // namespace

Error UnknownRow(std::string_view what, const std::string& name) {
  return {ErrorCode::kDataLoss, fmt::format("the library holds an unknown {} `{}`", what, name),
          "Move library.sqlite away and import again."};
}

std::string CaseRecord::Note() const {
  if (!present) {
    return "its files are no longer there, or can no longer be used (cases --quarantined); import it again when they "
           "are";
  }
  if (labelled) return {};
  return no_label.empty() ? "no label may be used for training" : no_label;
}

bool NaturalLess(std::string_view a, std::string_view b) {
  const auto digits = [](std::string_view text) {
    std::size_t n = 0;
    while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;
    return n;
  };
  const auto value = [](std::string_view run) {
    run.remove_prefix(std::min(run.find_first_not_of('0'), run.size()));
    return run;
  };
  std::string_view x = a, y = b;
  while (!x.empty() && !y.empty()) {
    const std::size_t n = digits(x), m = digits(y);
    if (n > 0 && m > 0) {
      const std::string_view p = value(x.substr(0, n)), q = value(y.substr(0, m));
      if (p.size() != q.size()) return p.size() < q.size();
      if (p != q) return p < q;
      x.remove_prefix(n);
      y.remove_prefix(m);
    } else {
      if (x.front() != y.front()) return x.front() < y.front();
      x.remove_prefix(1);
      y.remove_prefix(1);
    }
  }
  return x.empty() != y.empty() ? x.empty() : a < b;
}

CaseStore::CaseStore(const std::filesystem::path& file, Clock& clock) : clock_(clock), database_(file, kMigrations) {}

void CaseStore::Changed() { database_.Run("UPDATE generation SET value = value + 1"); }

PatientRoles CaseStore::RolesLocked(std::string_view which) {
  Statement read(database_, fmt::format("SELECT patient, role FROM patients {}", which));
  PatientRoles roles;
  while (read.Step()) roles.emplace(PatientText(read.Text(0)), RoleFrom(read.Text(1)));
  return roles;
}

PatientRoles CaseStore::Roles() {
  std::lock_guard lock(mutex_);
  return RolesLocked("");
}

PatientRoles CaseStore::SettledRoles() {
  std::lock_guard lock(mutex_);
  return RolesLocked("WHERE settled = 1");
}

void CaseStore::AddRoles(const PatientRoles& roles) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement add(database_,
                "INSERT INTO patients(patient, role, decided_ms, settled) VALUES(?1, ?2, ?3, ?2 IN ('test', 'review')) "
                "ON CONFLICT(patient) DO UPDATE SET role = excluded.role, decided_ms = excluded.decided_ms, "
                "settled = excluded.settled WHERE settled = 0 AND (role <> excluded.role OR excluded.settled = 1)");
  for (const auto& [patient, role] : roles) {
    add.Bind(1, patient.Reveal()).Bind(2, Name(role)).Bind(3, Milliseconds(clock_.Wall())).Execute();
  }
  transaction.Commit();
}

void CaseStore::SettleRole(const CaseId& id) {
  Statement settle(database_,
                   "UPDATE patients SET settled = 1 WHERE settled = 0 AND patient = (SELECT patient FROM cases WHERE "
                   "id = ?1) AND EXISTS(SELECT 1 FROM labels_in_use WHERE case_id = ?1 AND version IS NOT NULL)");
  settle.Bind(1, id.text()).Execute();
}

void CaseStore::SetPatient(const CaseId& id, const PatientText& patient) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement before(database_, "SELECT patient FROM cases WHERE id = ?1 AND patient <> ?2");
  if (!before.Bind(1, id.text()).Bind(2, patient.Reveal()).Step()) return;
  const std::string old = before.Text(0);
  before.Reset();
  Statement role(database_,
                 "INSERT INTO patients(patient, role, decided_ms, settled) SELECT ?2, role, decided_ms, settled FROM "
                 "patients WHERE patient = ?1 ON CONFLICT(patient) DO UPDATE SET role = excluded.role, "
                 "decided_ms = excluded.decided_ms, settled = 1 WHERE settled = 0 AND excluded.settled = 1");
  role.Bind(1, old).Bind(2, patient.Reveal()).Execute();
  Statement move(database_, "UPDATE cases SET patient = ?2 WHERE id = ?1");
  move.Bind(1, id.text()).Bind(2, patient.Reveal()).Execute();
  Statement nobody(database_, "DELETE FROM patients WHERE patient = ?1 AND patient NOT IN (SELECT patient FROM cases)");
  nobody.Bind(1, old).Execute();
  Changed();
  transaction.Commit();
}

std::optional<KnownCase> CaseStore::Known(const CaseId& id) {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT images_stamp, label_stamp, present FROM cases WHERE id = ?");
  if (!read.Bind(1, id.text()).Step()) return std::nullopt;
  return KnownCase{read.Text(0), read.Text(1), read.Int(2) != 0};
}

void CaseStore::Write(const CaseEntry& entry, const StudyRecord& study, std::span<const LabelVersion> labels) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement add(database_,
                "INSERT INTO cases(id, patient, study_date, no_label, images_stamp, label_stamp, study, added_ms, "
                "ct_study) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT(id) DO UPDATE SET patient=?2, study_date=?3, "
                "no_label=?4, images_stamp=?5, label_stamp=?6, study=?7, ct_study=?9, present=1");
  add.Bind(1, entry.id.text()).Bind(2, entry.patient.Reveal()).Bind(3, entry.study_date.Reveal());
  add.Bind(4, entry.no_label).Bind(5, entry.images_stamp).Bind(6, entry.label_stamp).Bind(7, entry.study.text());
  add.Bind(8, Milliseconds(clock_.Wall())).Bind(9, entry.ct_study.text()).Execute();
  Statement forget(database_, "DELETE FROM files WHERE case_id = ?");
  forget.Bind(1, entry.id.text()).Execute();
  Statement file(database_, "INSERT INTO files(case_id, kind, position, path) VALUES(?,?,?,?)");
  const auto put = [&](std::string_view kind, const std::vector<std::filesystem::path>& paths) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      file.Bind(1, entry.id.text()).Bind(2, kind).Bind(3, static_cast<std::int64_t>(i)).Bind(4, paths[i].string());
      file.Execute();
    }
  };
  put("pet", entry.pet);
  put("ct", entry.ct);
  for (const LabelVersion& label : labels) PutLabel(entry.id, label);
  SettleRole(entry.id);
  PutStudy(study, true);
  Judge(study.id);
  Changed();
  transaction.Commit();
}

void CaseStore::PutLabel(const CaseId& id, const LabelVersion& label) {
  Statement add(database_,
                "INSERT INTO labels VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) "
                "ON CONFLICT(case_id, version) DO UPDATE SET trouble = ?7, digest = ?9");
  add.Bind(1, id.text()).Bind(2, label.version).Bind(3, Name(label.kind)).Bind(4, label.author);
  add.Bind(5, label.model).Bind(6, std::int64_t{label.training}).Bind(7, label.trouble).Bind(8, label.place.string());
  add.Bind(9, label.digest.Hex()).Bind(10, Milliseconds(label.added)).Execute();
}

void CaseStore::Confirm(const CaseEntry& entry) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement study(database_, "UPDATE cases SET study = ?2, ct_study = ?3 WHERE id = ?1");
  study.Bind(1, entry.id.text()).Bind(2, entry.study.text()).Bind(3, entry.ct_study.text()).Execute();
  Statement set(database_, "UPDATE cases SET present = 1 WHERE id = ?1 AND present = 0");
  set.Bind(1, entry.id.text()).Execute();
  if (database_.Changes() > 0) Changed();
  transaction.Commit();
}

std::vector<CaseRecord> CaseStore::Cases() {
  std::lock_guard lock(mutex_);
  std::vector<CaseRecord> cases = CasesLocked("");
  std::stable_sort(cases.begin(), cases.end(), [](const CaseRecord& a, const CaseRecord& b) {
    return NaturalLess(a.patient.Reveal(), b.patient.Reveal());
  });
  return cases;
}

std::optional<CaseRecord> CaseStore::Find(const CaseId& id) {
  std::lock_guard lock(mutex_);
  if (id.empty()) return std::nullopt;
  std::vector<CaseRecord> cases = CasesLocked(id.text());
  return cases.empty() ? std::nullopt : std::optional(std::move(cases.front()));
}

std::vector<CaseRecord> CaseStore::CasesLocked(const std::string& only) {
  Statement read(database_,
                 "SELECT id, study, role, version IS NOT NULL, present, patient, study_date, no_label FROM cases "
                 "JOIN patients USING(patient) JOIN labels_in_use ON case_id = id " +
                     std::string(only.empty() ? "" : "WHERE id = ?1 ") + "ORDER BY id");
  if (!only.empty()) read.Bind(1, only);
  std::vector<CaseRecord> cases;
  while (read.Step()) {
    cases.push_back({CaseId(read.Text(0)), StudyId(read.Text(1)), RoleFrom(read.Text(2)), read.Int(3) != 0,
                     read.Int(4) != 0, PatientText(read.Text(5)), PatientText(read.Text(6)), read.Text(7)});
  }
  return cases;
}

std::vector<std::filesystem::path> CaseStore::Files(const CaseId& id, std::string_view kind) {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT path FROM files WHERE case_id = ? AND kind = ? ORDER BY position");
  read.Bind(1, id.text()).Bind(2, kind);
  std::vector<std::filesystem::path> files;
  while (read.Step()) files.emplace_back(read.Text(0));
  return files;
}

std::int64_t CaseStore::Generation() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT value FROM generation");
  read.Step();
  return read.Int(0);
}

LibraryPatients CaseStore::Patients() {
  std::lock_guard lock(mutex_);
  Statement read(database_,
                 "SELECT role, COUNT(DISTINCT patient) FROM cases JOIN patients USING(patient) "
                 "JOIN labels_in_use ON case_id = id WHERE present = 1 AND version IS NOT NULL GROUP BY role");
  LibraryPatients patients;
  while (read.Step()) {
    const CaseRole role = RoleFrom(read.Text(0));
    if (role == CaseRole::kTraining) patients.training = read.Int(1);
    if (role == CaseRole::kValidation) patients.validation = read.Int(1);
  }
  return patients;
}

std::vector<LabelVersion> CaseStore::Labels(const CaseId& id) {
  std::lock_guard lock(mutex_);
  return LabelsLocked(id);
}

std::vector<LabelVersion> CaseStore::LabelsLocked(const CaseId& id) {
  Statement read(database_,
                 "SELECT version, source, author, model, training, trouble, place, digest, added_ms, "
                 "version = (SELECT u.version FROM labels_in_use u WHERE u.case_id = ?1) "
                 "FROM labels WHERE case_id = ?1 ORDER BY version DESC");
  read.Bind(1, id.text());
  std::vector<LabelVersion> labels;
  while (read.Step()) {
    LabelVersion label;
    label.version = read.Int(0);
    label.kind = KindOfLabelFrom(read.Text(1));
    label.author = read.Text(2);
    label.model = read.Text(3);
    label.training = read.Int(4) != 0;
    label.trouble = read.Text(5);
    label.place = read.Text(6);
    label.digest = Digest::FromHex(read.Text(7));
    label.added = WallTime(std::chrono::milliseconds(read.Int(8)));
    label.in_use = read.Int(9) != 0;
    labels.push_back(std::move(label));
  }
  return labels;
}

std::int64_t CaseStore::AddLabel(const CaseId& id, const LabelVersion& label) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  const std::vector<LabelVersion> known = LabelsLocked(id);
  LabelVersion next = label;
  next.version = known.empty() ? 1 : known.front().version + 1;
  next.added = clock_.Wall();
  for (const LabelVersion& twin : known) {
    if (twin.digest != label.digest || (label.training && !twin.training)) continue;  // consent that is given anew
    if (twin.trouble.empty()) throw SameAs(twin, id);
    next = twin;
    next.trouble.clear();
  }
  PutLabel(id, next);
  Statement newest(database_, "UPDATE cases SET chosen_label = NULL WHERE id = ?");
  newest.Bind(1, id.text()).Execute();
  SettleRole(id);
  Changed();
  transaction.Commit();
  return next.version;
}

void CaseStore::UseLabel(const CaseId& id, std::optional<std::int64_t> version) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement set(database_, "UPDATE cases SET chosen_label = ?2 WHERE id = ?1");
  set.Bind(1, id.text());
  if (version) {
    set.Bind(2, *version);
  } else {
    set.BindNull(2);
  }
  set.Execute();
  Changed();
  transaction.Commit();
}

std::set<CaseId> CaseStore::Withdraw(const CaseId& id, std::int64_t version) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement set(database_,
                "UPDATE labels SET training = 0 WHERE digest = "
                "(SELECT digest FROM labels WHERE case_id = ?1 AND version = ?2) RETURNING case_id");
  set.Bind(1, id.text()).Bind(2, version);
  std::set<CaseId> cases;
  while (set.Step()) cases.insert(CaseId(set.Text(0)));
  Changed();
  transaction.Commit();
  return cases;
}

bool CaseStore::HasConsent(const Digest& digest) {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT 1 FROM labels WHERE digest = ? AND training = 0 LIMIT 1");
  return !read.Bind(1, digest.Hex()).Step();
}

// The hub has one run at a time: when another is active, those before it have ended.
void CaseStore::RunIsActive(const RunId& run) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  database_.Run("UPDATE runs SET active = 0");
  Statement set(database_, "INSERT INTO runs VALUES(?1,1,?2) ON CONFLICT(run) DO UPDATE SET active = 1, seen_ms = ?2");
  set.Bind(1, run.text()).Bind(2, Milliseconds(clock_.Wall())).Execute();
  transaction.Commit();
}

void CaseStore::RunHasEnded(const RunId& run) {
  std::lock_guard lock(mutex_);
  Statement set(database_, "UPDATE runs SET active = 0, seen_ms = ?2 WHERE run = ?1");
  set.Bind(1, run.text()).Bind(2, Milliseconds(clock_.Wall())).Execute();
}

CaseStore::RunsSeen CaseStore::Runs() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT run, active FROM runs");
  RunsSeen runs;
  while (read.Step()) {
    if (read.Int(1) != 0) {
      runs.active = RunId(read.Text(0));
    } else {
      ++runs.ended;
    }
  }
  return runs;
}

}  // namespace consilium
