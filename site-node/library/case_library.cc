// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_library.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "core/base/as_error.h"
#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "imaging/dicom/pseudonym.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/dicom/study_finder.h"
#include "imaging/prepare/preparer.h"

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
)sql"};

CaseRole RoleFromName(const std::string& name) {
  for (const CaseRole role : {CaseRole::kTraining, CaseRole::kValidation, CaseRole::kNew})
    if (Name(role) == name) return role;
  throw Error(ErrorCode::kDataLoss, fmt::format("the library holds an unknown role `{}`", name),
              "Move library.sqlite away and import again.");
}

// The key of the pseudonyms: made once, never leaves the site.
std::string ReadOrMakeKey(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    std::array<std::byte, 32> key{};
    if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
      throw Error(ErrorCode::kInternal, "the system gives no random numbers");
    WriteFileDurably(file, std::span<const std::byte>(key), 0600);
  }
  const std::vector<std::byte> bytes = ReadFile(file, 4096);
  Require(bytes.size() == 32,
          fmt::format("{} is no pseudonym key: it has {} bytes, not 32", file.string(), bytes.size()),
          "Restore it from a backup; with another key every case would get another pseudonym.");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What any label is called here.
std::string AllPatterns(const LibraryOptions& options) {
  std::string patterns = options.contours;
  for (const LabelQuery& label : options.other_labels) patterns += "," + label.patterns;
  return patterns;
}

// Changes when any of the files does, or the pattern that chooses the contour in them.
std::string StampOf(std::span<const std::filesystem::path> files, std::string_view contours) {
  Sha256 sha;
  sha.Add(fmt::format("{}\n", contours));
  for (const auto& file : files) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(file, failed);
    const auto time = std::filesystem::last_write_time(file, failed).time_since_epoch().count();
    sha.Add(fmt::format("{}\n{}\n{}\n", file.string(), size, time));
  }
  return sha.Finish().Hex();
}

}  // namespace

std::string_view Name(CaseRole role) {
  switch (role) {
    case CaseRole::kTraining: return "training";
    case CaseRole::kValidation: return "validation";
    case CaseRole::kNew: return "new";
  }
  Ensure(false, "unknown role");
  return {};
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

// A case on its way into the library.
struct CaseLibrary::Found {
  CaseId id;
  std::string patient, study_date, note, stamp;
  std::vector<std::filesystem::path> pet, ct, contour;
  std::vector<QuarantinedItem> troubles;
  bool usable = false;
};

CaseLibrary::CaseLibrary(const std::filesystem::path& dir, LibraryOptions options, Device device, Clock& clock)
    : dir_(dir),
      options_(std::move(options)),
      device_(device),
      clock_(clock),
      site_key_(ReadOrMakeKey(dir / "pseudonym.key")),
      database_(dir / "library.sqlite", kMigrations),
      samples_(dir / "samples", options_.sample_bytes) {}

LabelQuery CaseLibrary::Tumour() const {
  LabelQuery tumour;
  tumour.patterns = options_.contours;
  return tumour;
}

// Reads everything once: what is wrong with a case shows here and not in the middle of a round.
CaseLibrary::Found CaseLibrary::Inspect(const PatientCase& patient) const {
  Found found;
  found.id = MakeCaseId(patient.pet, site_key_);
  found.patient = patient.pet.info.patient_id.Reveal();
  found.study_date = patient.pet.info.study_date.Reveal();
  found.note = patient.no_contour;
  found.pet = FilesOf(patient.pet);
  found.ct = FilesOf(patient.ct);
  std::vector<std::filesystem::path> all = found.pet;
  all.insert(all.end(), found.ct.begin(), found.ct.end());
  if (patient.contour) all.push_back(*patient.contour);
  found.stamp = StampOf(all, AllPatterns(options_));
  try {
    ToVolume(patient.pet, MakeSeriesKey(patient.pet, site_key_));
    ToVolume(patient.ct, MakeSeriesKey(patient.ct, site_key_));
    found.usable = true;
  } catch (const std::exception& failure) {
    found.troubles.push_back({found.pet.front().parent_path(), AsError(failure).what()});
    return found;
  }
  if (!patient.contour) return found;
  // One label that can be read is enough; what is wrong with the tumour's is told first.
  std::vector<LabelQuery> labels = {Tumour()};
  labels.insert(labels.end(), options_.other_labels.begin(), options_.other_labels.end());
  std::string fault;
  for (const LabelQuery& label : labels) {
    try {
      ReadLabel(*patient.contour, patient.pet, label);
      found.contour = {*patient.contour};
      return found;
    } catch (const std::exception& failure) {
      if (fault.empty()) fault = AsError(failure).what();
    }
  }
  found.note = "the contour cannot be used";
  found.troubles.push_back({*patient.contour, fault});
  return found;
}

ImportReport CaseLibrary::Import(const std::filesystem::path& folder, const ImportHooks& hooks) {
  const auto say = [&](double fraction, const std::string& what) {
    if (hooks.progress) hooks.progress(fraction, what);
  };
  FindOptions find;
  find.roi_pattern = AllPatterns(options_);
  find.scan.stop = hooks.stop;
  find.scan.progress = [&](std::int64_t done, std::int64_t all) {
    say(0.5 * static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(all, 1)), "looking at files");
  };
  const CaseScan scan = FindCases(folder, find);

  ImportReport report;
  for (const RejectedSeries& rejected : scan.rejected)
    report.quarantined.push_back({rejected.place, rejected.fault.words});
  std::vector<Found> found;
  for (std::size_t i = 0; i < scan.cases.size(); ++i) {
    if (hooks.stop.stop_requested()) throw Error(ErrorCode::kCancelled, "the import was cancelled");
    found.push_back(Inspect(scan.cases[i]));
    say(0.5 + 0.5 * static_cast<double>(i + 1) / static_cast<double>(scan.cases.size()), "reading patients");
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return NaturalLess(a.patient, b.patient); });
  Store(found, std::filesystem::absolute(folder), report);
  LogInfo("imported",
          {{"added", report.added}, {"known", report.known}, {"quarantined", std::ssize(report.quarantined)}});
  return report;
}

void CaseLibrary::Store(std::vector<Found>& found, const std::filesystem::path& folder, ImportReport& report) {
  std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  std::set<CaseId> seen;
  std::vector<const Found*> changed;
  for (Found& one : found) {
    report.quarantined.insert(report.quarantined.end(), one.troubles.begin(), one.troubles.end());
    if (!one.usable) continue;
    if (!seen.insert(one.id).second) {
      report.quarantined.push_back({one.pet.front().parent_path(), "the same PET series is there twice"});
      continue;
    }
    Statement known(database_, "SELECT stamp FROM cases WHERE id = ?");
    known.Bind(1, one.id.text());
    const bool there = known.Step();
    if (there && known.Text(0) == one.stamp) {
      ++report.known;
      continue;
    }
    if (there) {
      report.changed.push_back(one.id);
      samples_.Drop(one.id);
    } else {
      ++report.added;
    }
    changed.push_back(&one);
  }
  const std::map<std::string, CaseRole> roles = ChooseRoles(changed);
  for (const Found* one : changed) WriteCase(*one, one->contour.empty() ? CaseRole::kNew : roles.at(one->patient));

  Statement forget(database_, "DELETE FROM quarantine WHERE folder = ?");
  forget.Bind(1, folder.string()).Execute();
  for (const QuarantinedItem& item : report.quarantined) {
    Statement add(database_, "INSERT OR REPLACE INTO quarantine(place, reason, folder) VALUES(?,?,?)");
    add.Bind(1, item.place.string()).Bind(2, item.reason).Bind(3, folder.string()).Execute();
  }
  if (!changed.empty()) database_.Run("UPDATE generation SET value = value + 1");
  transaction.Commit();
}

// A patient has one role, in whatever number of studies. Known patients keep theirs; of the others the last by number
// become validation patients until there are enough.
std::map<std::string, CaseRole> CaseLibrary::ChooseRoles(std::span<const Found* const> cases) {
  std::map<std::string, CaseRole> roles;
  std::int64_t validation = 0;
  {
    Statement known(database_, "SELECT DISTINCT patient, role FROM cases WHERE role <> 'new'");
    while (known.Step()) {
      roles[known.Text(0)] = RoleFromName(known.Text(1));
      validation += RoleFromName(known.Text(1)) == CaseRole::kValidation ? 1 : 0;
    }
  }
  for (auto one = cases.rbegin(); one != cases.rend(); ++one) {
    if ((*one)->contour.empty() || roles.contains((*one)->patient)) continue;
    const bool measure = validation < options_.validation_patients;
    roles[(*one)->patient] = measure ? CaseRole::kValidation : CaseRole::kTraining;
    validation += measure ? 1 : 0;
  }
  return roles;
}

void CaseLibrary::WriteCase(const Found& one, CaseRole role) {
  Statement remove(database_, "DELETE FROM cases WHERE id = ?");
  remove.Bind(1, one.id.text()).Execute();
  Statement add(database_,
                "INSERT INTO cases(id, role, patient, study_date, note, stamp, added_ms) VALUES(?,?,?,?,?,?,?)");
  add.Bind(1, one.id.text()).Bind(2, Name(role)).Bind(3, one.patient).Bind(4, one.study_date).Bind(5, one.note);
  add.Bind(6, one.stamp).Bind(7, std::int64_t{clock_.Wall().time_since_epoch().count()}).Execute();
  const auto files = [&](std::string_view kind, const std::vector<std::filesystem::path>& paths) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      Statement file(database_, "INSERT INTO files(case_id, kind, position, path) VALUES(?,?,?,?)");
      file.Bind(1, one.id.text()).Bind(2, kind).Bind(3, static_cast<std::int64_t>(i));
      file.Bind(4, std::filesystem::absolute(paths[i]).string()).Execute();
    }
  };
  files("pet", one.pet);
  files("ct", one.ct);
  files("contour", one.contour);
}

std::vector<CaseRecord> CaseLibrary::Cases() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT id, role, patient, study_date, note FROM cases ORDER BY id");
  std::vector<CaseRecord> cases;
  while (read.Step())
    cases.push_back({CaseId(read.Text(0)), RoleFromName(read.Text(1)), PatientText(read.Text(2)),
                     PatientText(read.Text(3)), read.Text(4)});
  std::stable_sort(cases.begin(), cases.end(), [](const CaseRecord& a, const CaseRecord& b) {
    return NaturalLess(a.patient.Reveal(), b.patient.Reveal());
  });
  return cases;
}

std::optional<CaseRecord> CaseLibrary::Find(const CaseId& id) {
  for (CaseRecord& record : Cases())
    if (record.id == id) return std::move(record);
  return std::nullopt;
}

std::vector<QuarantinedItem> CaseLibrary::Quarantined() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT place, reason FROM quarantine ORDER BY reason, place");
  std::vector<QuarantinedItem> items;
  while (read.Step()) items.push_back({read.Text(0), read.Text(1)});
  return items;
}

CaseCounts CaseLibrary::Counts() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT role, COUNT(*) FROM cases GROUP BY role");
  CaseCounts counts;
  while (read.Step()) {
    switch (RoleFromName(read.Text(0))) {
      case CaseRole::kTraining: counts.training = read.Int(1); break;
      case CaseRole::kValidation: counts.validation = read.Int(1); break;
      case CaseRole::kNew: counts.unlabelled = read.Int(1); break;
    }
  }
  return counts;
}

LibraryPatients CaseLibrary::Patients() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT role, COUNT(DISTINCT patient) FROM cases GROUP BY role");
  LibraryPatients patients;
  while (read.Step()) {
    const CaseRole role = RoleFromName(read.Text(0));
    if (role == CaseRole::kTraining) patients.training = read.Int(1);
    if (role == CaseRole::kValidation) patients.validation = read.Int(1);
  }
  return patients;
}

std::int64_t CaseLibrary::Generation() {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT value FROM generation");
  read.Step();
  return read.Int(0);
}

std::vector<std::filesystem::path> CaseLibrary::FilesOfCase(const CaseId& id, std::string_view kind) {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT path FROM files WHERE case_id = ? AND kind = ? ORDER BY position");
  read.Bind(1, id.text()).Bind(2, kind);
  std::vector<std::filesystem::path> files;
  while (read.Step()) files.emplace_back(read.Text(0));
  return files;
}

Series CaseLibrary::PetSeries(const CaseId& id) { return ReadSeriesFiles(FilesOfCase(id, "pet")); }

CaseImages CaseLibrary::Images(const CaseId& id, const std::optional<LabelQuery>& label) {
  const auto pet = FilesOfCase(id, "pet"), ct = FilesOfCase(id, "ct"), contour = FilesOfCase(id, "contour");
  if (pet.empty() || ct.empty()) {
    throw Error(ErrorCode::kNotFound, fmt::format("there is no case {}", id.text()),
                "List the cases: consilium-site cases");
  }
  CaseImages images;
  images.pet_series = ReadSeriesFiles(pet);
  images.ct_series = ReadSeriesFiles(ct);
  images.pet = ToVolume(images.pet_series, MakeSeriesKey(images.pet_series, site_key_));
  images.ct = ToVolume(images.ct_series, MakeSeriesKey(images.ct_series, site_key_));
  if (!contour.empty()) images.reference = ReadLabel(contour.front(), images.pet_series, label.value_or(Tumour()));
  return images;
}

Digest CaseLibrary::DataKey(const CaseId& id) { return DataKey(id, Tumour()); }

Digest CaseLibrary::DataKey(const CaseId& id, const LabelQuery& label) {
  std::lock_guard lock(mutex_);
  Statement read(database_, "SELECT stamp FROM cases WHERE id = ?");
  read.Bind(1, id.text());
  const std::string stamp = read.Step() ? read.Text(0) : "";
  return DigestOf(fmt::format("case 1\n{}\n{}\n{}\n", stamp, label.code.Key(), label.patterns));
}

Sample CaseLibrary::Prepared(const CaseId& id, const PrepPlan& plan, const std::optional<LabelQuery>& label) {
  const Digest key =
      DigestOf(fmt::format("sample 1\n{}\n{}\n", DataKey(id, label.value_or(Tumour())).Hex(), plan.digest().Hex()));
  if (std::optional<Sample> kept = samples_.Find(id, key)) return std::move(*kept);
  const CaseImages images = Images(id, label);
  return samples_.Put(
      Prepare(id, images.pet, images.ct, images.reference ? &*images.reference : nullptr, plan, device_), key);
}

PreparedCases CaseLibrary::Prepared(CaseRole role, const PrepPlan& plan, const std::optional<LabelQuery>& label,
                                    std::stop_token stop) {
  PreparedCases prepared;
  std::set<std::string> patients;
  for (const CaseRecord& record : Cases()) {
    if (record.role != role) continue;
    if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "preparing the patients was cancelled");
    try {
      prepared.samples.push_back(Prepared(record.id, plan, label));
      patients.insert(record.patient.Reveal());
    } catch (const std::exception& failure) {  // its words may name a file, and that a patient
      LogWarning("a case cannot be prepared and is left out",
                 {{"case", record.id}, {"code", Name(AsError(failure).code())}});
    }
  }
  prepared.patients = std::ssize(patients);
  return prepared;
}

}  // namespace consilium
