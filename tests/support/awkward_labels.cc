// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Defects of labels: contours (RTSTRUCT) and segmentations (SEG).
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include "core/base/error.h"
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

// It lies among the images, in their frame of reference, but its patient and study are others.
void ContourOfAnother(AwkwardDraft& d) {
  RtStruct other = d.study.contour;
  d.study.contour.rois.clear();
  d.WriteUsed();
  other.source.patient_id = PatientText("SOMEBODY ELSE");
  other.file = d.folder() / "RTSTRUCT.dcm";
  WriteRtStruct(other, d.study.uid() + ".77");
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

DcmItem& NewItem(DcmItem& parent, const DcmTagKey& sequence) {
  DcmItem* item = nullptr;
  Ensure(parent.findOrCreateSequenceItem(sequence, item, -2).good(), "no sequence item");
  return *item;
}

std::string Text(Vec3 v) { return std::to_string(v.x) + "\\" + std::to_string(v.y) + "\\" + std::to_string(v.z); }

void PutSegment(DcmItem& item, const char* algorithm_type) {
  DcmItem& segment = NewItem(item, DCM_SegmentSequence);
  PutText(segment, 0x00620004, "1");
  PutText(segment, 0x00620005, "GTV");
  PutText(segment, 0x00620008, algorithm_type);
  if (std::string(algorithm_type) != "MANUAL") PutText(segment, 0x00620009, "Some program 1.0");
  DcmItem& type = NewItem(segment, DCM_SegmentedPropertyTypeCodeSequence);
  PutText(type, 0x00080100, "108369006");
  PutText(type, 0x00080102, "SCT");
  PutText(type, 0x00080104, "Neoplasm");
}

// The voxels of SmallStudy's contour as a binary SEG of two frames.
void WriteSegmentation(AwkwardDraft& d, const char* algorithm_type) {
  const SeriesFiles& pet = d.study.pet;
  WriteObject(d.folder() / "SEG.dcm", d, "1.2.840.10008.5.1.4.1.1.66.4", d.study.uid() + ".6", [&](DcmItem& item) {
    const std::pair<std::uint32_t, std::string> texts[] = {
        {0x00080060, "SEG"}, {0x00200052, pet.frame}, {0x00280002, "1"},  {0x00280004, "MONOCHROME2"},
        {0x00280008, "2"},   {0x00280010, "10"},      {0x00280011, "12"}, {0x00280100, "1"},
        {0x00280101, "1"},   {0x00280102, "0"},       {0x00280103, "0"},  {0x00620001, "BINARY"}};
    for (const auto& [tag, text] : texts) PutText(item, tag, text);
    PutText(NewItem(item, DCM_ReferencedSeriesSequence), 0x0020000E, pet.series);
    PutSegment(item, algorithm_type);
    DcmItem& shared = NewItem(item, DCM_SharedFunctionalGroupsSequence);
    PutText(NewItem(shared, DCM_PlaneOrientationSequence), 0x00200037, "1\\0\\0\\0\\1\\0");
    PutText(NewItem(shared, DCM_PixelMeasuresSequence), 0x00280030, "4\\4");
    std::vector<Uint8> bits(30);
    for (int f = 0; f < 2; ++f) {
      DcmItem& frame = NewItem(item, DCM_PerFrameFunctionalGroupsSequence);
      PutText(NewItem(frame, DCM_PlanePositionSequence), 0x00200032, Text(pet.geometry.IndexToPoint({0, 0, 2.0 + f})));
      PutText(NewItem(frame, DCM_SegmentIdentificationSequence), 0x0062000B, "1");
      for (int j = 3; j <= 5; ++j)
        for (int i = 3; i <= 6; ++i) {
          const int bit = f * 120 + j * 12 + i;
          bits[static_cast<std::size_t>(bit / 8)] |= static_cast<Uint8>(1 << (bit % 8));
        }
    }
    Ensure(item.putAndInsertUint8Array(DCM_PixelData, bits.data(), 30).good(), "no bits");
  });
}

void SegmentationByAPerson(AwkwardDraft& d) {
  d.study.contour.rois.clear();
  d.WriteUsed();
  WriteSegmentation(d, "MANUAL");
  d.result.labelled = true;
}

void SegmentationByAProgram(AwkwardDraft& d) {
  d.study.contour.rois.clear();
  d.WriteUsed();
  WriteSegmentation(d, "AUTOMATIC");
  d.NoLabel("no contour");
}

void ContourAndSegmentation(AwkwardDraft& d) {
  d.WriteUsed();
  WriteSegmentation(d, "AUTOMATIC");
}

}  // namespace

std::vector<AwkwardDefect> AwkwardLabels() {
  return {{"no-contour", "Nobody drew a contour.", NoContour},
          {"wrong-names", "The contours have other names than the site's file says.", WrongNames},
          {"contour-of-another", "The contour belongs to another patient.", ContourOfAnother},
          {"foreign-images", "The contour refers to images that are not there.", ForeignImages},
          {"contour-in-another-frame", "The contour has another frame of reference.", ContourOfAnotherFrame},
          {"damaged-contour", "The contour's points are cut off.", DamagedContour},
          {"seg-by-a-person", "A person drew a SEG, not an RTSTRUCT.", SegmentationByAPerson},
          {"seg-by-a-program", "The only SEG was made by a program.", SegmentationByAProgram},
          {"seg-beside-a-contour", "A program's SEG lies beside a person's contour.", ContourAndSegmentation},
          {"contour-beside", "The contour lies 70 cm beside the images.", ContourBesideTheImages}};
}

}  // namespace consilium
