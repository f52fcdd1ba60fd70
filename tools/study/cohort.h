// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/data/fingerprint.h"
#include "core/data/label_map.h"
#include "core/data/sample.h"
#include "core/data/volume.h"
#include "core/round/prep_plan.h"
#include "imaging/dicom/series.h"

namespace consilium {

// One patient with a contour, as studies need it: for the network, and for measuring on the PET's own grid.
struct StudyPatient {
  std::string name;  // of the patient's folder, or the patient number; of phantoms and public patients only
  Series pet_series;
  Volume pet;          // SUV
  LabelMap reference;  // the contour on the PET grid
  Sample sample;
  std::optional<CaseMeasure> measure;  // for a planner, when it was asked for
};

// One hospital's patients. For studies and the demo, where one process may see them all; a site node never does this.
struct Cohort {
  std::string site;
  std::vector<StudyPatient> training, validation, held_out;
};

struct CohortOptions {
  PrepPlan prep;
  std::string roi_pattern = "GTV*,Tumour*,Tumor*";
  std::int64_t validation = 2;  // the last patients by name of a folder are its validation set
  // Above 0: patients number `fold`, `fold` + `folds`, ... by name are held out of each hospital, before the others are
  // split. Each patient is held out in just one fold.
  std::int64_t folds = 0, fold = 0;
  bool measure = false;  // fill StudyPatient::measure
};

// Every patient with a contour below `folder`, by name. The name is the part of the path that is the patient number
// too, else the first part that tells all patients apart. Throws Error(kNotFound) if there is none.
std::vector<StudyPatient> LoadPatients(const std::filesystem::path& folder, const CohortOptions& options);

// `held_out` empty: the validation patients are the held-out ones (they are few in public data).
Cohort LoadCohort(const std::string& site, const std::filesystem::path& folder, const std::filesystem::path& held_out,
                  const CohortOptions& options);

// The cohort's roles as a site's own list (`consilium-site import --roles`), so that both draw the same line. Patients
// held out besides are for validation; the demo takes them in without their contours.
void WriteRoles(const Cohort& cohort, const std::filesystem::path& file);

// The hospitals SITE of a folder SITE/PATIENT/..., by name. Throws Error(kInvalidArgument) for fewer than two.
std::vector<Cohort> LoadHospitals(const std::filesystem::path& folder, const CohortOptions& options);

// Patients that are only scored, of a folder SITE/PATIENT/... or PATIENT/... (one hospital, "test"): all are held out.
std::vector<Cohort> LoadTestPatients(const std::filesystem::path& folder, const PrepPlan& prep);

}  // namespace consilium
