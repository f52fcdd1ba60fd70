// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/cohort.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/dicom/study_finder.h"
#include "imaging/prepare/case_measure.h"
#include "imaging/prepare/preparer.h"

namespace consilium {
namespace {

std::vector<std::string> PartsBelow(const Series& series, const std::filesystem::path& folder) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::relative(series.slices.front().file, folder)) parts.push_back(part.string());
  parts.pop_back();  // the file
  return parts;
}

// What a patient is called: STS_012 of ge-fine/STS_012/PET/image/0001.dcm.
void NameAll(std::vector<StudyPatient>& patients, const std::filesystem::path& folder) {
  std::vector<std::vector<std::string>> parts;
  std::size_t deepest = 0;
  for (const StudyPatient& patient : patients) {
    parts.push_back(PartsBelow(patient.pet_series, folder));
    deepest = std::max(deepest, parts.back().size());
  }
  std::size_t depth = 0;
  for (; depth < deepest; ++depth) {
    std::set<std::string> names;
    for (const auto& of : parts) names.insert(depth < of.size() ? of[depth] : "");
    if (names.size() == patients.size()) break;
  }
  for (std::size_t i = 0; i < patients.size(); ++i) {
    const std::string& number = patients[i].pet_series.info.patient_id.Reveal();
    const bool in_path = std::find(parts[i].begin(), parts[i].end(), number) != parts[i].end();
    patients[i].name = in_path || depth >= parts[i].size() ? number : parts[i][depth];
    patients[i].sample.id = CaseId(patients[i].name);
  }
}

std::string WhyNone(const CaseScan& scan) {
  if (!scan.rejected.empty()) {
    return "The first of " + std::to_string(scan.rejected.size()) +
           " unusable series: " + scan.rejected.front().fault.words;
  }
  if (!scan.cases.empty()) {
    return "The first of " + std::to_string(scan.cases.size()) +
           " cases of PET and CT has: " + scan.cases.front().no_contour;
  }
  return "Folders are laid out as SITE/PATIENT/... with DICOM files below.";
}

}  // namespace

std::vector<StudyPatient> LoadPatients(const std::filesystem::path& folder, const CohortOptions& options) {
  FindOptions find;
  find.labels.front().patterns = options.roi_pattern;
  const CaseScan scan = FindCases(folder, find);
  std::vector<StudyPatient> patients;
  for (const PatientCase& found : scan.cases) {
    if (!found.contour) continue;
    StudyPatient patient;
    patient.pet_series = found.pet;
    patient.pet = ToVolume(found.pet, SeriesKey("pet"));
    const Volume ct = ToVolume(found.ct, SeriesKey("ct"));
    patient.reference = ReadLabel(*found.contour, found.pet, {.patterns = options.roi_pattern});
    patient.sample = Prepare(CaseId("patient"), patient.pet, ct, &patient.reference, options.prep, Device{});
    if (options.measure) patient.measure = MeasureCase(patient.pet, ct, patient.reference, Device{});
    patients.push_back(std::move(patient));
  }
  if (patients.empty()) {
    throw Error(ErrorCode::kNotFound, "no patient with PET, CT and a contour in " + folder.string(), WhyNone(scan));
  }
  NameAll(patients, folder);
  std::sort(patients.begin(), patients.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return patients;
}

Cohort LoadCohort(const std::string& site, const std::filesystem::path& folder, const std::filesystem::path& held_out,
                  const CohortOptions& options) {
  Cohort cohort{site, {}, {}, {}};
  std::vector<StudyPatient> patients = LoadPatients(folder, options);
  for (std::size_t i = 0; i < patients.size(); ++i) {
    const bool held = options.folds > 0 && static_cast<std::int64_t>(i) % options.folds == options.fold;
    (held ? cohort.held_out : cohort.training).push_back(std::move(patients[i]));
  }
  const auto all = std::ssize(cohort.training);
  Require(all > options.validation, site + " has " + std::to_string(all) + " patients, of which " +
                                        std::to_string(options.validation) +
                                        " are for validation; none is left for training");
  const auto split = cohort.training.end() - options.validation;
  cohort.validation.assign(std::make_move_iterator(split), std::make_move_iterator(cohort.training.end()));
  cohort.training.erase(split, cohort.training.end());
  if (!held_out.empty()) cohort.held_out = LoadPatients(held_out, options);
  if (cohort.held_out.empty()) cohort.held_out = cohort.validation;
  return cohort;
}

void WriteRoles(const Cohort& cohort, const std::filesystem::path& file) {
  std::string text = "patient,role\n";
  const auto write = [&](const std::vector<StudyPatient>& patients, const std::string& role) {
    for (const StudyPatient& patient : patients)
      text += patient.pet_series.info.patient_id.Reveal() + "," + role + "\n";
  };
  write(cohort.training, "training");
  write(cohort.validation, "validation");
  write(cohort.held_out, "validation");
  WriteFileDurably(file, text, 0600);
}

std::vector<Cohort> LoadHospitals(const std::filesystem::path& folder, const CohortOptions& options) {
  std::vector<Cohort> cohorts;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    cohorts.push_back(LoadCohort(entry.path().filename().string(), entry.path(), {}, options));
  }
  Require(cohorts.size() >= 2, folder.string() + " holds fewer than two hospital folders",
          "Lay it out as SITE/PATIENT/...");
  std::sort(cohorts.begin(), cohorts.end(), [](const Cohort& a, const Cohort& b) { return a.site < b.site; });
  return cohorts;
}

std::vector<Cohort> LoadTestPatients(const std::filesystem::path& folder, const PrepPlan& prep) {
  CohortOptions options;
  options.prep = prep;
  std::map<std::string, Cohort> sites;
  for (StudyPatient& patient : LoadPatients(folder, options)) {
    const std::vector<std::string> parts = PartsBelow(patient.pet_series, folder);
    const auto own = std::find(parts.begin(), parts.end(), patient.name);
    const std::string site = own != parts.begin() && own != parts.end() ? parts.front() : "test";
    Cohort& cohort = sites[site];
    cohort.site = site;
    cohort.held_out.push_back(std::move(patient));
  }
  std::vector<Cohort> cohorts;
  for (auto& [site, cohort] : sites) cohorts.push_back(std::move(cohort));
  return cohorts;
}

}  // namespace consilium
