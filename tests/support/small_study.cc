// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/small_study.h"

#include <algorithm>
#include <utility>

namespace consilium {
namespace {

std::string PatientOf(int number) {
  std::string digits = std::to_string(number);
  return "AW-" + std::string(3 - std::min<std::size_t>(3, digits.size()), '0') + digits;
}

// Columns 3 to 6 and rows 3 to 5 of slice k, a quarter of a voxel around their centres.
std::vector<Vec3> Square(const Geometry& grid, double k) {
  std::vector<Vec3> points;
  for (const auto& [i, j] : {std::pair{2.75, 2.75}, {6.25, 2.75}, {6.25, 5.25}, {2.75, 5.25}})
    points.push_back(grid.IndexToPoint({i, j, k}));
  return points;
}

}  // namespace

SmallStudy MakeSmallStudy(int number) {
  SmallStudy study;
  const std::string root = "1.2.40." + std::to_string(number);
  for (SeriesFiles* files : {&study.pet, &study.ct}) {
    files->patient = PatientOf(number);
    files->study = root;
    files->frame = root + ".9";
  }
  study.pet.series = root + ".1";
  study.pet.geometry.size = {12, 10, 6};
  study.pet.geometry.spacing_mm = {4, 4, 5};
  study.pet.geometry.origin_mm = {-22, -18, -110};
  study.ct.modality = Modality::kCt;
  study.ct.series = root + ".2";
  study.ct.geometry.size = {16, 14, 12};
  study.ct.geometry.spacing_mm = {3.5, 3.5, 2.5};
  study.ct.geometry.origin_mm = {-26, -22, -111};
  study.contour.source.patient_id = PatientText(study.pet.patient);
  study.contour.source.frames_of_reference = {PatientText(study.pet.frame)};
  study.contour.source.series_uids = {PatientText(study.pet.series)};
  study.contour.rois = {{"GTV_1", {Square(study.pet.geometry, 2), Square(study.pet.geometry, 3)}}};
  return study;
}

void WriteSmallStudy(const std::filesystem::path& folder, const SmallStudy& study) {
  WriteSeries(folder / "PET", study.pet);
  WriteSeries(folder / "CT", study.ct);
  if (study.contour.rois.empty()) return;
  RtStruct contour = study.contour;
  contour.file = folder / "RTSTRUCT.dcm";
  WriteRtStruct(contour, study.uid());
}

}  // namespace consilium
