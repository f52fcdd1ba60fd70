// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Defects of labels: contours (RTSTRUCT) and segmentations (SEG).
#include "tests/support/awkward_draft.h"

namespace consilium {
namespace {

void NoContour(AwkwardDraft& d) {
  d.study.contour.rois.clear();
  d.WriteUsed();
  d.NoLabel("no contour");
}

void WrongNames(AwkwardDraft& d) {
  d.study.contour.rois[0].name = "Lung_L";
  d.study.contour.rois.push_back({"Heart", {}});
  d.WriteUsed();
  d.NoLabel("named like GTV*");
}

void ContourOfAnother(AwkwardDraft& d) {
  d.study.contour.source.patient_id = PatientText("SOMEBODY ELSE");
  d.WriteUsed();
  d.NoLabel("no contour");
}

// In every one of the 96 real series the contours refer to images that are not in the series; position decides.
void ForeignImages(AwkwardDraft& d) {
  for (int n = 0; n < 6; ++n)
    d.study.contour.source.sop_instance_uids.push_back(PatientText("1.2.3.999." + std::to_string(n)));
  d.WriteUsed();
}

void ContourOfAnotherFrame(AwkwardDraft& d) {
  d.study.contour.source.frames_of_reference = {PatientText(d.study.pet.frame + "77")};
  d.WriteUsed();
  d.NoLabel("frame of reference");
}

void DamagedContour(AwkwardDraft& d) {
  d.WriteUsed();
  EditDicomFile(d.folder() / "RTSTRUCT.dcm", {{{0x30060039, 0x30060040, 0x30060050}, "1\\2"}});
  d.NoLabel("");
}

void ContourBesideTheImages(AwkwardDraft& d) {
  for (auto& points : d.study.contour.rois[0].contours)
    for (Vec3& p : points) p.x += 700;
  d.WriteUsed();
  d.NoLabel("");
}

}  // namespace

std::vector<AwkwardDefect> AwkwardLabels() {
  return {{"no-contour", "Nobody drew a contour.", NoContour},
          {"wrong-names", "The contours have other names than the site's file says.", WrongNames},
          {"contour-of-another", "The contour belongs to another patient.", ContourOfAnother},
          {"foreign-images", "The contour refers to images that are not there.", ForeignImages},
          {"contour-in-another-frame", "The contour has another frame of reference.", ContourOfAnotherFrame},
          {"damaged-contour", "The contour's points are cut off.", DamagedContour},
          {"contour-beside", "The contour lies 70 cm beside the images.", ContourBesideTheImages}};
}

}  // namespace consilium
