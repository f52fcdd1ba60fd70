// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tools/study/cohort.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "imaging/dicom/label_reader.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/dicom/study_finder.h"
#include "imaging/prepare/preparer.h"

namespace consilium {
namespace {

// The part of the path right below `folder`: STS_012 of STS_012/PET/image/0001.dcm.
std::string PatientFolder(const Series& series, const std::filesystem::path& folder) {
  const auto relative = std::filesystem::relative(series.slices.front().file, folder);
  return relative.begin()->string();
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
  const CaseScan scan = FindCases(folder, {options.roi_pattern, {}});
  std::vector<StudyPatient> patients;
  for (const PatientCase& found : scan.cases) {
    if (!found.contour) continue;
    StudyPatient patient;
    patient.name = PatientFolder(found.pet, folder);
    patient.pet_series = found.pet;
    patient.pet = ToVolume(found.pet, SeriesKey("pet"));
    const Volume ct = ToVolume(found.ct, SeriesKey("ct"));
    patient.reference = ReadLabel(*found.contour, found.pet, {.patterns = options.roi_pattern});
    patient.sample = Prepare(CaseId(patient.name), patient.pet, ct, &patient.reference, options.prep, Device{});
    patients.push_back(std::move(patient));
  }
  if (patients.empty()) {
    throw Error(ErrorCode::kNotFound, "no patient with PET, CT and a contour in " + folder.string(), WhyNone(scan));
  }
  std::sort(patients.begin(), patients.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return patients;
}

Cohort LoadCohort(const std::string& site, const std::filesystem::path& folder, const std::filesystem::path& held_out,
                  const CohortOptions& options) {
  Cohort cohort{site, LoadPatients(folder, options), {}, {}};
  const auto all = static_cast<std::int64_t>(cohort.training.size());
  Require(all > options.validation, site + " has " + std::to_string(all) + " patients, of which " +
                                        std::to_string(options.validation) +
                                        " are for validation; none is left for training");
  const auto split = cohort.training.end() - options.validation;
  cohort.validation.assign(std::make_move_iterator(split), std::make_move_iterator(cohort.training.end()));
  cohort.training.erase(split, cohort.training.end());
  cohort.held_out = held_out.empty() ? cohort.validation : LoadPatients(held_out, options);
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

}  // namespace consilium
