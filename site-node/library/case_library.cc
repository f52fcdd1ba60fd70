// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_library.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <exception>
#include <set>
#include <span>
#include <utility>

#include "core/base/as_error.h"
#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "imaging/dicom/pseudonym.h"
#include "imaging/dicom/series_loader.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/prepare/preparer.h"

namespace consilium {
namespace {

// The key of the pseudonyms: made once, with the library, and never leaves the site.
std::string ReadOrMakeKey(const std::filesystem::path& file, const std::filesystem::path& library) {
  if (!std::filesystem::exists(file)) {
    if (std::filesystem::exists(library)) {
      throw Error(ErrorCode::kFailedPrecondition,
                  fmt::format("{} is missing, and the names of all cases in {} were made with it", file.string(),
                              library.filename().string()),
                  "Restore it from a backup. Without one, move library.sqlite and samples away and import again: "
                  "patients then get new roles, and labels that people gave must be added again.");
    }
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

}  // namespace

CaseLibrary::CaseLibrary(const std::filesystem::path& dir, LibraryOptions options, Device device, Clock& clock)
    : dir_(dir),
      options_(std::move(options)),
      device_(device),
      site_key_(ReadOrMakeKey(dir / "pseudonym.key", dir / "library.sqlite")),
      store_(dir / "library.sqlite", clock),
      labels_(dir / "labels"),
      samples_(dir / "samples", options_.sample_bytes) {}

ImportReport CaseLibrary::Import(const std::filesystem::path& folder, const ImportHooks& hooks) {
  Importer importer(dir_, store_, labels_, options_, site_key_, [&](const CaseId& id) {
    samples_.Drop(id);
    if (hooks.changed) hooks.changed(id);
  });
  return importer.Run(folder, hooks);
}

PatientRoles CaseLibrary::ListedRoles() const {
  return options_.roles_file.empty() ? PatientRoles() : ReadRoleList(options_.roles_file).roles;
}

std::vector<UnmatchedRole> CaseLibrary::UnmatchedRoles() {
  if (options_.roles_file.empty()) return {};
  std::set<PatientText> patients;
  for (const auto& [patient, role] : store_.Roles()) patients.insert(patient);
  return UnmatchedIn(ReadRoleList(options_.roles_file), patients);
}

CaseCounts CaseLibrary::Counts() {
  CaseCounts counts;
  for (const CaseRecord& record : store_.Cases()) {
    if (!record.present) continue;
    if (!record.labelled) {
      ++counts.unlabelled;
      continue;
    }
    switch (record.role) {
      case CaseRole::kTraining: ++counts.training; break;
      case CaseRole::kValidation: ++counts.validation; break;
      case CaseRole::kTest: ++counts.test; break;
      case CaseRole::kReview: ++counts.review; break;
    }
  }
  return counts;
}

CaseRecord CaseLibrary::Get(const CaseId& id) {
  if (std::optional<CaseRecord> record = store_.Find(id)) return std::move(*record);
  throw Error(ErrorCode::kNotFound, fmt::format("there is no case {}", id.text()),
              "List the cases: consilium-site cases");
}

std::optional<std::string> CaseLibrary::TestLocked() {
  const CaseStore::RunsSeen runs = store_.Runs();
  if (runs.active) return fmt::format("run {} has not ended", runs.active->text());
  if (runs.ended == 0) return "no run has ended at this hospital";
  return std::nullopt;
}

void CaseLibrary::RequireOpen(const CaseRecord& record) {
  if (record.role != CaseRole::kTest) return;
  if (const auto locked = TestLocked()) {
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("{} is a test patient's and cannot be read yet: {}", record.id.text(), *locked),
                "Test patients are for the end of a run. Until then use validation patients.");
  }
}

Series CaseLibrary::PetSeries(const CaseId& id) { return ReadSeriesFiles(store_.Files(Get(id).id, "pet")); }

CaseImages CaseLibrary::Images(const CaseId& id, const std::optional<LabelQuery>& label) {
  RequireOpen(Get(id));
  const auto pet = store_.Files(id, "pet"), ct = store_.Files(id, "ct");
  CaseImages images;
  const auto key = [&](const Series& series) { return MakeSeriesKey(series, site_key_); };
  LoadedSeries loaded_pet = LoadSeriesFiles(pet, key), loaded_ct = LoadSeriesFiles(ct, key);
  images.pet_series = std::move(loaded_pet.series);
  images.ct_series = std::move(loaded_ct.series);
  images.pet = std::move(loaded_pet.volume);
  images.ct = std::move(loaded_ct.volume);
  images.reference = Reference(id, images.pet_series, label.value_or(TumourOf(options_)));
  return images;
}

// The one in use first, then those that a label is taken from which it does not hold, newest first.
std::vector<LabelVersion> CaseLibrary::UsableLabels(const CaseId& id) {
  std::vector<LabelVersion> usable = store_.Labels(id);
  std::erase_if(usable, [](const LabelVersion& label) { return !label.training || !label.trouble.empty(); });
  std::stable_partition(usable.begin(), usable.end(), [](const LabelVersion& label) { return label.in_use; });
  return usable;
}

std::optional<LabelMap> CaseLibrary::Reference(const CaseId& id, const Series& pet, const LabelQuery& label) {
  std::exception_ptr first;
  for (const LabelVersion& version : UsableLabels(id)) {
    const std::filesystem::path file = labels_.Open(version);
    try {
      return ReadLabel(file, pet, QueryOf(label, version));
    } catch (const Error& failure) {
      if (failure.code() != ErrorCode::kNotFound) throw;
      if (!first) first = std::current_exception();  // it holds other labels
    }
  }
  if (first) std::rethrow_exception(first);
  return std::nullopt;
}

Digest CaseLibrary::DataKey(const CaseId& id, const std::optional<LabelQuery>& label) {
  const LabelQuery query = label.value_or(TumourOf(options_));
  const std::optional<KnownCase> known = store_.Known(id);
  std::string usable;
  for (const LabelVersion& version : UsableLabels(id)) usable += (usable.empty() ? "" : ",") + version.digest.Hex();
  if (usable.empty()) usable = "none";
  return DigestOf(fmt::format("case 2\n{}\n{}\n{}\n{}\n", known ? known->images_stamp : "", usable, query.code.Key(),
                              query.patterns));
}

Sample CaseLibrary::Prepared(const CaseId& id, const PrepPlan& plan, const std::optional<LabelQuery>& label) {
  RequireOpen(Get(id));
  const Digest key = DigestOf(fmt::format("sample 1\n{}\n{}\n", DataKey(id, label).Hex(), plan.digest().Hex()));
  if (std::optional<Sample> kept = samples_.Find(id, key)) return std::move(*kept);
  const CaseImages images = Images(id, label);
  return samples_.Put(
      Prepare(id, images.pet, images.ct, images.reference ? &*images.reference : nullptr, plan, device_), key);
}

PreparedCases CaseLibrary::Prepared(CaseRole role, const PrepPlan& plan, const std::optional<LabelQuery>& label,
                                    const std::stop_token& stop) {
  PreparedCases prepared;
  std::set<PatientText> patients;
  for (const CaseRecord& record : Cases()) {
    if (record.role != role || !record.labelled || !record.present) continue;
    if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "preparing the patients was cancelled");
    RequireOpen(record);
    try {
      prepared.samples.push_back(Prepared(record.id, plan, label));
      patients.insert(record.patient);
    } catch (const std::exception& failure) {  // its words may name a file, and that a patient
      LogWarning("a case cannot be prepared and is left out",
                 {{"case", record.id}, {"code", Name(AsError(failure).code())}});
    }
  }
  prepared.patients = std::ssize(patients);
  return prepared;
}

std::vector<LabelVersion> CaseLibrary::Labels(const CaseId& id) { return store_.Labels(Get(id).id); }

LabelVersion CaseLibrary::GetLabel(const CaseId& id, std::int64_t version) {
  for (LabelVersion& label : Labels(id))
    if (label.version == version) return std::move(label);
  throw Error(ErrorCode::kNotFound, fmt::format("{} has no label of version {}", id.text(), version),
              fmt::format("See them: consilium-site label list {}", id.text()));
}

std::int64_t CaseLibrary::AddLabel(const CaseId& id, const LabelGiven& given) {
  Require(given.author.find_first_not_of(" \t\r\n") != std::string::npos, "nobody is named who gives the label",
          "Say who drew it or looked at it: --by NAME");
  const CaseRecord record = Get(id);
  const Series pet = PetSeries(id);
  LabelVersion label;
  label.kind = KindOfLabel(given.file);
  label.author = given.author;
  const LabelMap map = ReadAnyLabel(given.file, pet, options_, given.automatic);
  Require(map.CountNonZero() > 0 || label.kind == LabelKind::kRtStruct, "the label marks no voxel");
  label.model = given.model;
  label.training = given.training;
  label.place = std::filesystem::absolute(given.file).lexically_normal();
  label.digest = labels_.Keep(given.file);
  if (given.training && !store_.SettledRoles().contains(record.patient))
    DecideRoles(store_, {{record.patient, true}}, ListedRoles(), options_, site_key_);
  const std::int64_t version = store_.AddLabel(id, label);
  samples_.Drop(id);
  return version;
}

void CaseLibrary::UseLabel(const CaseId& id, std::int64_t version) {
  const LabelVersion label = GetLabel(id, version);
  const std::string why = !label.training ? "there is no consent to train with it" : label.trouble;
  if (!why.empty()) {
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("version {} of the label of {} cannot be used: {}", version, id.text(), why),
                fmt::format("Use another one: consilium-site label list {}", id.text()));
  }
  store_.UseLabel(id, version);
  samples_.Drop(id);
}

void CaseLibrary::WithdrawLabel(const CaseId& id, std::int64_t version) {
  GetLabel(id, version);
  for (const CaseId& affected : store_.Withdraw(id, version)) samples_.Drop(affected);
}

}  // namespace consilium
