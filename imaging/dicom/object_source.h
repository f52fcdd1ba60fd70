// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/data/patient_text.h"
#include "imaging/dicom/series.h"

class DcmItem;

namespace consilium {

// Whose images an RTSTRUCT or a SEG says it was drawn on. Everything may be missing.
struct ObjectSource {
  PatientText patient_id;
  std::vector<PatientText> frames_of_reference;
  std::vector<PatientText> series_uids;
  std::vector<PatientText> sop_instance_uids;
  PatientText study_uid{};  // in which the object itself lies
};

ObjectSource ReadObjectSource(DcmItem& dataset);

// True if the object names the series or one of its images.
bool RefersTo(const ObjectSource& object, const Series& series);

// Why an object cannot belong to a series, in words without patient data; empty if it may. Position decides where it
// lies, so patient and frame of reference must agree wherever both sides name them. A missing or wrong reference to
// images alone is no reason: in real structure sets they are often wrong. Only where no frame of reference can be
// compared must the object refer to the series or one of its images, or refer to no image and have the same patient.
std::string Misfit(const ObjectSource& object, const Series& series);

// Throws Error(kInvalidArgument) naming `file` and the series' folder if there is a misfit. `kind`: "RTSTRUCT", "SEG".
void RequireFit(const ObjectSource& object, const Series& series, const std::string& kind,
                const std::filesystem::path& file);

}  // namespace consilium
