// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/study_finder.h"

#include <algorithm>

#include "core/base/as_error.h"
#include "imaging/dicom/rtstruct_reader.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNoFrame = "missing tag FrameOfReferenceUID (0020,0052): no CT can be paired with this PET";
constexpr const char* kNoCt = "PET without a usable CT of the same patient and frame of reference";

bool SameFrame(const PatientText& a, const PatientText& b) { return !a.empty() && a == b; }

// The part of a PET that lies inside a CT, by a raster of points.
double Covered(const Geometry& pet, const Geometry& ct) {
  constexpr int kRaster = 8;
  int inside = 0;
  for (int n = 0; n < kRaster * kRaster * kRaster; ++n) {
    const auto part = [](int step, std::int64_t size) {
      return (step + 0.5) / kRaster * static_cast<double>(size - 1);
    };
    const Vec3 point = pet.IndexToPoint({part(n % kRaster, pet.size.x), part(n / kRaster % kRaster, pet.size.y),
                                         part(n / kRaster / kRaster, pet.size.z)});
    const Vec3 at = ct.PointToIndex(point);
    const auto in = [](double index, std::int64_t size) {
      return index >= -0.5 && index <= static_cast<double>(size) - 0.5;
    };
    inside += in(at.x, ct.size.x) && in(at.y, ct.size.y) && in(at.z, ct.size.z);
  }
  return static_cast<double>(inside) / (kRaster * kRaster * kRaster);
}

const Series* CtOf(const Series& pet, const std::vector<Series>& all) {
  const Series* best = nullptr;
  double best_covered = 0;
  for (const Series& ct : all) {
    if (ct.modality != Modality::kCt || ct.info.patient_id != pet.info.patient_id) continue;
    if (!SameFrame(ct.info.frame_of_reference_uid, pet.info.frame_of_reference_uid)) continue;
    const double covered = Covered(pet.geometry, ct.geometry);
    if (covered > best_covered) {
      best = &ct;
      best_covered = covered;
    }
  }
  return best;
}

bool SaysPet(const std::vector<const Roi*>& rois) {
  return std::any_of(rois.begin(), rois.end(), [](const Roi* roi) { return MatchesPattern(roi->name, "*PET*,*PT*"); });
}

// How well a structure set fits a PET; 0 if it does not.
int Fitness(const RtStruct& structures, const Series& pet, const std::string& roi_pattern) {
  if (!Misfit(structures.source, pet).empty()) return 0;
  const auto rois = MatchingRois(structures, roi_pattern);
  if (rois.empty()) return 0;
  const bool to_pet = RefersTo(structures.source, pet);
  if (!to_pet && structures.source.frames_of_reference.empty()) return 0;  // nothing but the patient agrees
  return 1 + 2 * (to_pet ? 1 : 0) + (SaysPet(rois) ? 1 : 0);
}

void AddContour(PatientCase& patient, const std::vector<RtStruct>& all, const std::string& roi_pattern) {
  int best = 0;
  bool of_patient = false;
  for (const RtStruct& structures : all) {
    of_patient = of_patient || structures.source.patient_id == patient.pet.info.patient_id;
    const int fitness = Fitness(structures, patient.pet, roi_pattern);
    if (fitness <= best) continue;
    best = fitness;
    patient.contour = structures.file;
  }
  if (best > 0) return;
  patient.no_contour = of_patient ? "no contour named like " + roi_pattern + " in the frame of reference of the PET"
                                  : "no contour (RTSTRUCT) of this patient";
}

}  // namespace

CaseScan FindCases(const fs::path& folder, const FindOptions& options) {
  SeriesScan scan = ScanFolder(folder, options.scan);
  CaseScan out;
  out.rejected = std::move(scan.rejected);
  std::sort(scan.structure_sets.begin(), scan.structure_sets.end());
  std::vector<RtStruct> structures;
  for (const fs::path& file : scan.structure_sets) {
    try {
      structures.push_back(ReadRtStruct(file));
    } catch (const std::exception& failure) {
      RejectedSeries bad;
      bad.place = file;
      bad.fault = {QuarantineReason::kLabel, AsError(failure).what()};
      out.rejected.push_back(std::move(bad));
    }
  }
  for (const Series& pet : scan.usable) {
    if (pet.modality != Modality::kPet) continue;
    const Series* ct = CtOf(pet, scan.usable);
    if (ct == nullptr) {
      RejectedSeries alone;
      alone.place = pet.slices.front().file.parent_path();
      alone.fault = {QuarantineReason::kNoPair, pet.info.frame_of_reference_uid.empty() ? kNoFrame : kNoCt};
      alone.patient_id = pet.info.patient_id;
      alone.study_uid = pet.info.study_uid;
      out.rejected.push_back(std::move(alone));
      continue;
    }
    out.cases.push_back({pet, *ct, std::nullopt, {}});
    AddContour(out.cases.back(), structures, options.roi_pattern);
  }
  return out;
}

}  // namespace consilium
