// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/importer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <span>
#include <utility>

#include "core/base/as_error.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "imaging/dicom/pseudonym.h"
#include "imaging/dicom/series_reader.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

// Held while an import runs; released when the process ends, however.
class ImportLock {
 public:
  explicit ImportLock(const fs::path& file) : file_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (file_ < 0) {
      throw Error(ErrorCode::kPermissionDenied, fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)),
                  "Run the command as the account that owns the site's folder.");
    }
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(file_);
    throw Error(ErrorCode::kFailedPrecondition, "another import into this library is running",
                "Wait until it has ended, then import again.");
  }
  ~ImportLock() { ::close(file_); }
  ImportLock(const ImportLock&) = delete;
  ImportLock& operator=(const ImportLock&) = delete;

 private:
  int file_;
};

// Changes when any of the files does, or the words (the pattern that chooses the contour in them).
std::string StampOf(std::span<const fs::path> files, std::string_view words) {
  Sha256 sha;
  sha.Add(fmt::format("{}\n", words));
  for (const fs::path& file : files) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) status = {};
    sha.Add(fmt::format("{}\n{} {} {}.{}\n", file.string(), status.st_ino, status.st_size, status.st_mtim.tv_sec,
                        status.st_mtim.tv_nsec));
  }
  return sha.Finish().Hex();
}

fs::path Absolute(const fs::path& path) {
  fs::path absolute = fs::absolute(path).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();  // "images/" is "images"
}

std::vector<fs::path> Absolute(std::vector<fs::path> files) {
  for (fs::path& file : files) file = Absolute(file);
  return files;
}

CaseScan Look(const fs::path& folder, const FindOptions& find) {
  try {
    return FindCases(folder, find);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled) throw;
    throw Error(ErrorCode::kCancelled, "the import was stopped while it looked at files",
                "Nothing was taken in yet. Start it again with the same command.");
  }
}

// All labels of this site, the tumour's first.
std::vector<LabelQuery> AllLabels(const LibraryOptions& options) {
  std::vector<LabelQuery> labels = {TumourOf(options)};
  labels.insert(labels.end(), options.other_labels.begin(), options.other_labels.end());
  return labels;
}

// The files from which a case's labels are taken, the tumour's last: of versions that come together it is the newest.
std::vector<fs::path> ContoursOf(const PatientCase& patient) {
  std::vector<fs::path> files = patient.other_contours;
  if (patient.contour) files.push_back(*patient.contour);
  return files;
}

// Why a case has no label, and after these words what is drawn instead.
constexpr std::string_view kNamesThere = "; there are: ";

// What any label is called here.
std::string AllPatterns(const LibraryOptions& options) {
  std::string patterns = options.contours;
  for (const LabelQuery& label : options.other_labels) patterns += "," + label.patterns;
  return patterns;
}

fs::path FolderOf(const fs::path& place) {
  std::error_code failed;
  return fs::is_directory(place, failed) ? place : place.parent_path();
}

bool IsBelow(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

bool IsThere(const fs::path& file) {
  std::error_code failed;
  return fs::exists(file, failed);
}

void RequireFolder(const fs::path& folder) {
  std::error_code failed;
  Require(!fs::is_regular_file(folder, failed), fmt::format("{} is a file and no folder", folder.string()),
          "Give the folder that holds the study's files; all below it is looked at.");
}

}  // namespace

void DecideRoles(CaseStore& store, std::vector<PatientSeen> seen, const PatientRoles& list,
                 const LibraryOptions& options, std::string_view site_key) {
  const PatientRoles settled = store.SettledRoles();
  for (const auto& [patient, role] : store.Roles())
    if (!settled.contains(patient)) seen.push_back({patient, false});
  store.AddRoles(ChooseRoles(seen, settled, list, options.roles, site_key));
}

LabelQuery TumourOf(const LibraryOptions& options) {
  LabelQuery query;
  query.patterns = options.contours;
  return query;
}

LabelQuery QueryOf(LabelQuery query, const LabelVersion& version) {
  query.accept_automatic = !version.author.empty() || !version.model.empty();
  return query;
}

LabelMap ReadAnyLabel(const fs::path& file, const Series& pet, const LibraryOptions& options, bool accept_automatic) {
  std::vector<LabelQuery> queries = {TumourOf(options)};
  queries.insert(queries.end(), options.other_labels.begin(), options.other_labels.end());
  std::exception_ptr first;
  for (LabelQuery& query : queries) {
    query.accept_automatic = accept_automatic;
    try {
      return ReadLabel(file, pet, query);
    } catch (const std::exception&) {
      if (!first) first = std::current_exception();
    }
  }
  std::rethrow_exception(first);
}

StudyQuality ImportReport::Quality() const {
  StudyQuality quality;
  for (const StudyRecord& study : studies) {
    ++quality.studies;
    if (study.used) continue;
    ++quality.quarantined;
    ++quality.reasons[study.fault.reason];
  }
  return quality;
}

std::vector<Finding> ImportReport::Rejected() const {
  std::vector<Finding> rejected;
  for (const StudyRecord& study : studies)
    for (const Finding& finding : study.findings)
      if (finding.kind == FindingKind::kRejected) rejected.push_back(finding);
  return rejected;
}

Importer::Importer(const fs::path& dir, CaseStore& store, const LabelShelf& labels, const LibraryOptions& options,
                   std::string_view site_key, std::function<void(const CaseId&)> forget)
    : dir_(dir), store_(store), labels_(labels), options_(options), site_key_(site_key), forget_(std::move(forget)) {}

ImportReport Importer::Run(const fs::path& folder, const ImportHooks& hooks) {
  const ImportLock lock(dir_ / "import.lock");
  folder_ = Absolute(folder);
  const auto say = [&](const ImportProgress& progress) {
    if (hooks.progress) hooks.progress(progress);
  };
  RequireFolder(folder);
  FindOptions find;
  find.labels = AllLabels(options_);
  find.scan.stop = hooks.stop;
  find.scan.progress = [&](std::int64_t done, std::int64_t all) { say({kLookingAtFiles, done, all, 0, 0}); };
  const RoleList list = options_.roles_file.empty() ? RoleList() : ReadRoleList(options_.roles_file);
  CaseScan scan = Look(folder, find);
  if (!hooks.accept_gone) RequireThere(scan);
  AddKnown(scan);
  RequireListFits(scan, list, hooks.accept_unmatched);
  NoteStudies(scan);
  TakeInAll(scan, list.roles, hooks);
  Finish();
  const StudyQuality quality = report_.Quality();
  say({kReadingStudies, quality.studies, quality.studies, quality.studies - quality.quarantined, quality.quarantined});
  LogInfo("imported", {{"added", report_.added}, {"known", report_.known}, {"studies", std::ssize(report_.studies)}});
  return std::move(report_);
}

// What has neither patient nor study is counted by its folder: as part of the one study that lies there, or by itself.
StudyRecord& Importer::StudyOf(const PatientText& patient, const PatientText& study_uid, const fs::path& place) {
  const fs::path folder = Absolute(FolderOf(place));
  const bool nameless = patient.empty() && study_uid.empty();
  StudyId id = MakeStudyId(patient, nameless ? PatientText(folder.string()) : study_uid, site_key_);
  if (nameless) {
    if (const auto here = study_in_.find(folder); here != study_in_.end() && !here->second.empty()) id = here->second;
  }
  StudyRecord& study = studies_[id];
  if (!study.id.empty()) return study;
  study.id = id;
  study.patient = patient;
  study.place = folder;
  study.folder = folder_;
  return study;
}

// Every study of which the scan says something, and what it says. Those with a case are not yet `used`.
void Importer::NoteStudies(const CaseScan& scan) {
  for (const PatientCase& patient : scan.cases) {
    for (const Series* series : {&patient.pet, &patient.ct}) {
      const fs::path place = series->slices.front().file;
      StudyRecord& study = StudyOf(series->info.patient_id, series->info.study_uid, place);
      study.study_date = series->info.study_date;
      for (const std::string& note : series->notes)
        study.findings.push_back({FindingKind::kNote, Absolute(place.parent_path()), {{}, note}});
      ++pending_[study.id];
      const auto [here, first] = study_in_.emplace(Absolute(place.parent_path()), study.id);
      if (!first && here->second != study.id) here->second = StudyId();
    }
  }
  for (const RejectedSeries& rejected : scan.rejected)
    StudyOf(rejected.patient_id, rejected.study_uid, rejected.place)
        .findings.push_back({FindingKind::kRejected, Absolute(rejected.place), rejected.fault});
  for (const RejectedSeries& other : scan.left_out)
    StudyOf(other.patient_id, other.study_uid, other.place)
        .findings.push_back({FindingKind::kLeftOut, Absolute(other.place), other.fault});
}

// Who has a contour that was not read yet counts as labelled until it shows that it is none.
void Importer::DecideRoles(const CaseScan& scan, const std::vector<bool>& taken, const PatientRoles& list) {
  std::vector<PatientSeen> seen;
  for (std::size_t n = 0; n < scan.cases.size(); ++n) {
    const PatientText& patient = scan.cases[n].pet.info.patient_id;
    seen.push_back({patient, taken[n] ? labelled_.contains(patient) : !ContoursOf(scan.cases[n]).empty()});
  }
  consilium::DecideRoles(store_, std::move(seen), list, options_, site_key_);
}

// Validation patients first: where a contour turns out to be none, another patient takes the place while it still can.
void Importer::TakeInAll(const CaseScan& scan, const PatientRoles& list, const ImportHooks& hooks) {
  const auto say = [&] {
    if (hooks.progress) hooks.progress(progress_);
  };
  progress_ = {kReadingStudies, 0, std::ssize(studies_), 0, 0};
  for (const auto& [id, study] : studies_)
    if (!pending_.contains(id)) Count(id);
  say();
  std::vector<bool> taken(scan.cases.size());
  const auto take = [&](std::size_t n) {
    if (hooks.stop.stop_requested()) {
      throw Error(ErrorCode::kCancelled,
                  fmt::format("the import was stopped after {} of {} studies", progress_.done, progress_.all),
                  "What was read is kept. The same command goes on where it stopped.");
    }
    const PatientCase& patient = scan.cases[n];
    TakeIn(patient);
    taken[n] = true;
    for (const Series* series : {&patient.pet, &patient.ct}) {
      const StudyId id = StudyOf(series->info.patient_id, series->info.study_uid, series->slices.front().file).id;
      if (--pending_.at(id) == 0) Count(id);
    }
    say();
  };
  for (bool more = true; more;) {
    more = false;
    DecideRoles(scan, taken, list);
    const PatientRoles roles = store_.Roles();
    for (std::size_t n = 0; n < scan.cases.size(); ++n) {
      if (taken[n] || roles.at(scan.cases[n].pet.info.patient_id) != CaseRole::kValidation) continue;
      take(n);
      more = true;
    }
  }
  for (std::size_t n = 0; n < scan.cases.size(); ++n)
    if (!taken[n]) take(n);
}

void Importer::Count(const StudyId& study) {
  ++progress_.done;
  ++(studies_.at(study).used ? progress_.used : progress_.quarantined);
}

// What earlier imports found elsewhere: a contour outside the folder is still the case's.
void Importer::AddKnown(CaseScan& scan) {
  for (PatientCase& patient : scan.cases) {
    const CaseId id = MakeCaseId(patient.pet, site_key_);
    store_.SetPatient(id, patient.pet.info.patient_id);
    if (!ContoursOf(patient).empty()) continue;
    for (const LabelVersion& label : store_.Labels(id)) {
      if (!label.author.empty() || !label.model.empty()) continue;  // a person's
      std::error_code failed;
      if (!IsBelow(label.place, folder_) && fs::is_regular_file(label.place, failed)) patient.contour = label.place;
      break;
    }
  }
}

// A disk that is not mounted is an empty folder, and must not look like a hospital without patients.
void Importer::RequireThere(const CaseScan& scan) {
  if (!scan.cases.empty()) return;
  const std::vector<CaseStore::CaseBelow> known = store_.Below(folder_);
  for (const CaseStore::CaseBelow& one : known)
    if (!MissingAll(one.id)) return;
  if (known.empty()) return;
  throw Error(ErrorCode::kFailedPrecondition,
              fmt::format("not one file is there any more of the {} that {} imported from {}",
                          known.size() == 1 ? "case" : fmt::format("{} cases", known.size()),
                          known.size() == 1 ? "was" : "were", folder_.string()),
              "Is a disk not mounted? Nothing was changed. If the images were moved, import them from where they lie "
              "now; if they are gone for good, give --gone.");
}

// A line that fits nobody is a wrong number, and then a patient who is not in the list is one whose number is wrong
// there: the draw must not decide what the hospital has decided.
void Importer::RequireListFits(const CaseScan& scan, const RoleList& list, bool accept) {
  if (list.roles.empty()) return;
  std::set<PatientText> patients, unlisted;
  for (const auto& [patient, role] : store_.Roles()) patients.insert(patient);
  const PatientRoles settled = store_.SettledRoles();
  for (const PatientCase& one : scan.cases) {
    const PatientText& patient = one.pet.info.patient_id;
    patients.insert(patient);
    if (!list.roles.contains(patient) && !settled.contains(patient)) unlisted.insert(patient);
  }
  report_.unmatched = UnmatchedIn(list, patients);
  if (accept || report_.unmatched.empty() || unlisted.empty()) return;
  const bool none = report_.unmatched.size() == list.roles.size();
  throw Error(
      ErrorCode::kFailedPrecondition,
      fmt::format("{}, {}: neither {} nor the library has such a patient, while {} found there {} not in the list",
                  options_.roles_file.string(), none ? "every line" : LinesOf(report_.unmatched), folder_.string(),
                  unlisted.size() == 1 ? "a patient" : fmt::format("{} patients", unlisted.size()),
                  unlisted.size() == 1 ? "is" : "are"),
      "A role is for good, so nothing was taken in. Write the numbers as they stand in the images (0010,0020). "
      "If those patients come with another import and the others may be drawn, give --allow-unmatched.");
}

// Reads everything once: what is wrong with a case shows here and not in the middle of a round.
void Importer::ReadImages(const PatientCase& patient) const {
  ToVolume(patient.pet, MakeSeriesKey(patient.pet, site_key_));
  ToVolume(patient.ct, MakeSeriesKey(patient.ct, site_key_));
}

void Importer::TakeIn(const PatientCase& patient) {
  const SeriesInfo& info = patient.pet.info;
  StudyRecord& study = StudyOf(info.patient_id, info.study_uid, patient.pet.slices.front().file);
  CaseEntry entry;
  entry.id = MakeCaseId(patient.pet, site_key_);
  const auto reject = [&](QuarantineReason reason, std::string words) {
    const fs::path place = Absolute(patient.pet.slices.front().file.parent_path());
    study.findings.push_back({FindingKind::kRejected, place, {reason, std::move(words)}});
  };
  if (!seen_.insert(entry.id).second)
    return reject(QuarantineReason::kDuplicateSlices, "the same PET series is there twice");
  StudyRecord& ct_study =
      StudyOf(patient.ct.info.patient_id, patient.ct.info.study_uid, patient.ct.slices.front().file);
  entry.study = study.id;
  entry.ct_study = ct_study.id;
  entry.patient = info.patient_id;
  entry.study_date = info.study_date;
  entry.pet = Absolute(FilesOf(patient.pet));
  entry.ct = Absolute(FilesOf(patient.ct));
  std::vector<fs::path> images = entry.pet;
  images.insert(images.end(), entry.ct.begin(), entry.ct.end());
  entry.images_stamp = StampOf(images, "");
  entry.label_stamp = StampOf(Absolute(ContoursOf(patient)), AllPatterns(options_));

  const std::optional<KnownCase> known = store_.Known(entry.id);
  const bool same_images = known && known->images_stamp == entry.images_stamp;
  try {
    if (!same_images) ReadImages(patient);
  } catch (const std::exception& failure) {
    return reject(QuarantineReason::kNotReadable, AsError(failure).what());
  }
  study.used = ct_study.used = true;
  present_.insert(entry.id);
  const bool same_label = same_images && known->label_stamp == entry.label_stamp && LabelsAreWhole(entry.id);
  const LabelNews labels = same_label ? KnownLabels(entry.id) : NewLabels(entry.id, patient);
  entry.no_label = labels.none_because;
  if (!labels.fault.words.empty()) study.findings.push_back({FindingKind::kRejected, labels.place, labels.fault});
  if (entry.no_label.empty()) {
    labelled_.insert(entry.patient);
  } else {
    ++report_.no_label[entry.no_label.substr(0, entry.no_label.find(kNamesThere))];
    study.findings.push_back({FindingKind::kNoLabel, study.place, {QuarantineReason::kLabel, entry.no_label}});
  }
  if (same_label) {
    ++report_.known;
    return store_.Confirm(entry);
  }
  if (known) forget_(entry.id);
  store_.Write(entry, study, labels.changes);
  if (known) {
    forget_(entry.id);  // what a running service made of the old ones meanwhile
    report_.changed.push_back(entry.id);
  } else {
    ++report_.added;
  }
}

Importer::LabelNews Importer::KnownLabels(const CaseId& id) {
  LabelNews news;
  const std::vector<LabelVersion> versions = store_.Labels(id);
  if (!versions.empty() && !versions.front().trouble.empty()) {
    news.place = versions.front().place;
    news.fault = {QuarantineReason::kLabel, versions.front().trouble};
  }
  std::optional<CaseRecord> record = store_.Find(id);
  if (!record || record->labelled) return news;
  record->present = true;  // it has just been found
  news.none_because = record->Note();
  return news;
}

bool Importer::LabelsAreWhole(const CaseId& id) {
  const std::vector<LabelVersion> versions = store_.Labels(id);
  return std::ranges::all_of(versions, [&](const LabelVersion& label) { return labels_.IsWhole(label); });
}

// A contour that was found is a new version if its bytes are new. Returns the digests of all that were found.
std::set<Digest> Importer::KeepContours(const PatientCase& patient, std::vector<LabelVersion>& versions,
                                        LabelNews& news) {
  std::set<Digest> found;
  for (const fs::path& contour : ContoursOf(patient)) {
    try {
      LabelVersion fresh;
      fresh.version = versions.empty() ? 1 : versions.front().version + 1;
      fresh.place = Absolute(contour);
      fresh.digest = labels_.Keep(contour);
      fresh.training = store_.HasConsent(fresh.digest);
      fresh.added = store_.Now();
      found.insert(fresh.digest);
      if (!std::ranges::count(versions, fresh.digest, &LabelVersion::digest)) versions.insert(versions.begin(), fresh);
    } catch (const std::exception& failure) {
      news.place = Absolute(contour);
      news.fault = {QuarantineReason::kLabel, AsError(failure).what()};
    }
  }
  return found;
}

// All versions are tried: another pattern of names may make one usable, or no longer.
Importer::LabelNews Importer::NewLabels(const CaseId& id, const PatientCase& patient) {
  LabelNews news;
  std::vector<LabelVersion> versions = store_.Labels(id);
  const std::int64_t newest = versions.empty() ? 0 : versions.front().version;
  const std::set<Digest> found = KeepContours(patient, versions, news);
  bool labelled = false;
  for (LabelVersion& label : versions) {
    std::string words;
    try {
      ReadAnyLabel(labels_.Open(label), patient.pet, options_, QueryOf({}, label).accept_automatic);
    } catch (const std::exception& failure) {
      words = AsError(failure).what();
    }
    if (!words.empty() && (found.contains(label.digest) || !labels_.IsWhole(label))) {
      news.place = found.contains(label.digest) ? label.place : Absolute(patient.pet.slices.front().file.parent_path());
      news.fault = {QuarantineReason::kLabel, words};
    }
    labelled = labelled || (words.empty() && label.training);
    if (label.version <= newest && label.trouble == words) continue;
    label.trouble = words;
    news.changes.push_back(label);
  }
  if (labelled) return news;
  const std::string names = patient.names_there.Reveal();  // into the hospital's own library
  news.none_because = !ContoursOf(patient).empty() ? "the contour cannot be used"
                      : names.empty()              ? patient.no_contour
                                                   : patient.no_contour + std::string(kNamesThere) + names;
  if (news.none_because.empty()) news.none_because = "no label may be used for training";
  return news;
}

bool Importer::MissingAll(const CaseId& id) {
  const std::vector<fs::path> files = FilesBelow(id);
  return std::none_of(files.begin(), files.end(), IsThere);
}

// Of a case that lies here whole, it is enough that this import does not find it sound. Of one that lies partly
// elsewhere only missing files say that it is gone.
std::vector<CaseId> Importer::Gone() {
  std::vector<CaseId> gone;
  for (const CaseStore::CaseBelow& known : store_.Below(folder_)) {
    if (present_.contains(known.id)) continue;
    const std::vector<fs::path> files = known.whole ? std::vector<fs::path>() : FilesBelow(known.id);
    if (known.whole || !std::all_of(files.begin(), files.end(), IsThere)) gone.push_back(known.id);
  }
  return gone;
}

// The files of a known case that lie below the folder.
std::vector<fs::path> Importer::FilesBelow(const CaseId& id) {
  std::vector<fs::path> files = store_.Files(id, "pet");
  for (fs::path& file : store_.Files(id, "ct")) files.push_back(std::move(file));
  std::erase_if(files, [&](const fs::path& file) { return !IsBelow(file, folder_); });
  return files;
}

void Importer::Finish() {
  std::vector<StudyRecord> studies;
  for (auto& [id, study] : studies_) studies.push_back(std::move(study));
  report_.gone = Gone();
  report_.studies = store_.Finish(folder_, studies, report_.gone);
}

}  // namespace consilium
