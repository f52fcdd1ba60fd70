// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/dicom_writer.h"

// DCMTK's configuration comes first.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/base/digest.h"
#include "core/base/error.h"

namespace consilium {
namespace {

// Every phantom was scanned at the same moment: nothing in a file depends on today.
constexpr const char* kDate = "20260102";
constexpr const char* kTime = "101500";
constexpr const char* kNotMade = "Research use only: synthetic patient, no person was scanned";

std::string Text(double value) { return fmt::format("{:.8g}", value); }

void Put(DcmItem& item, const DcmTagKey& tag, const std::string& value) {
  const OFCondition result = item.putAndInsertString(tag, value.c_str());
  Ensure(result.good(), "a DICOM attribute could not be set: " + std::string(result.text()));
}

DcmItem& NewItem(DcmItem& parent, const DcmTagKey& sequence) {
  DcmItem* item = nullptr;
  const OFCondition result = parent.findOrCreateSequenceItem(sequence, item, -2);  // -2: append
  Ensure(result.good() && item != nullptr, "a DICOM sequence item could not be made");
  return *item;
}

void PutCode(DcmItem& parent, const DcmTagKey& sequence, const char* value, const char* scheme, const char* meaning) {
  DcmItem& code = NewItem(parent, sequence);
  Put(code, DCM_CodeValue, value);
  Put(code, DCM_CodingSchemeDesignator, scheme);
  Put(code, DCM_CodeMeaning, meaning);
}

const char* ModalityText(const Volume& volume) { return volume.modality == Modality::kPet ? "PT" : "CT"; }
const char* SopClass(const Volume& volume) {
  return volume.modality == Modality::kPet ? UID_PositronEmissionTomographyImageStorage : UID_CTImageStorage;
}

std::string StudyUid(const PhantomIdentity& identity) { return DerivedUid(identity.uid_seed + " study"); }
std::string FrameUid(const PhantomIdentity& identity) { return DerivedUid(identity.uid_seed + " frame of reference"); }
std::string SeriesUid(const PhantomIdentity& identity, const std::string& modality) {
  return DerivedUid(identity.uid_seed + " series " + modality);
}
std::string SliceUid(const PhantomIdentity& identity, const std::string& modality, std::int64_t k) {
  return DerivedUid(fmt::format("{} slice {} {}", identity.uid_seed, modality, k));
}

// Patient, study, series, equipment and frame of reference: the same for all three kinds of files.
void PutCommon(DcmItem& data, const PhantomIdentity& identity, const std::string& modality, int series_number) {
  Put(data, DCM_PatientName, "PHANTOM^" + identity.patient_id);
  Put(data, DCM_PatientID, identity.patient_id);
  Put(data, DCM_PatientBirthDate, "");
  Put(data, DCM_PatientSex, "O");
  Put(data, DCM_PatientWeight, "4");
  Put(data, DCM_PatientSize, "0.5");
  Put(data, DCM_PatientComments, kNotMade);
  Put(data, DCM_StudyInstanceUID, StudyUid(identity));
  Put(data, DCM_StudyDate, kDate);
  Put(data, DCM_StudyTime, kTime);
  Put(data, DCM_StudyID, "1");
  Put(data, DCM_AccessionNumber, "");
  Put(data, DCM_ReferringPhysicianName, "");
  Put(data, DCM_StudyDescription, "Synthetic PET/CT");
  Put(data, DCM_SeriesInstanceUID, SeriesUid(identity, modality));
  Put(data, DCM_Modality, modality);
  Put(data, DCM_SeriesNumber, std::to_string(series_number));
  Put(data, DCM_SeriesDate, kDate);
  Put(data, DCM_SeriesTime, kTime);
  Put(data, DCM_Manufacturer, "Consilium");
  Put(data, DCM_ManufacturerModelName, "Phantom");
  Put(data, DCM_SoftwareVersions, "1");
  Put(data, DCM_FrameOfReferenceUID, FrameUid(identity));
  Put(data, DCM_PositionReferenceIndicator, "");
}

void PutPlane(DcmItem& data, const Volume& volume, std::int64_t k) {
  const Geometry& grid = volume.geometry;
  const Vec3 first = grid.IndexToPoint({0, 0, static_cast<double>(k)});
  Put(data, DCM_ImageOrientationPatient, "1\\0\\0\\0\\1\\0");
  Put(data, DCM_ImagePositionPatient, Text(first.x) + "\\" + Text(first.y) + "\\" + Text(first.z));
  Put(data, DCM_SliceLocation, Text(first.z));
  Put(data, DCM_PixelSpacing, Text(grid.spacing_mm.y) + "\\" + Text(grid.spacing_mm.x));
  Put(data, DCM_SliceThickness, Text(grid.spacing_mm.z));
  Put(data, DCM_InstanceNumber, std::to_string(k + 1));
  Put(data, DCM_BodyPartExamined, "WHOLEBODY");
  Put(data, DCM_AcquisitionDate, kDate);
  Put(data, DCM_AcquisitionTime, kTime);
  Put(data, DCM_ContentDate, kDate);
  Put(data, DCM_ContentTime, kTime);
  Put(data, DCM_AcquisitionNumber, "1");
}

void PutPixels(DcmItem& data, const Volume& volume, std::int64_t k) {
  const Size3& size = volume.geometry.size;
  data.putAndInsertUint16(DCM_SamplesPerPixel, 1);
  Put(data, DCM_PhotometricInterpretation, "MONOCHROME2");
  data.putAndInsertUint16(DCM_Rows, static_cast<Uint16>(size.y));
  data.putAndInsertUint16(DCM_Columns, static_cast<Uint16>(size.x));
  data.putAndInsertUint16(DCM_BitsAllocated, 16);
  data.putAndInsertUint16(DCM_BitsStored, 16);
  data.putAndInsertUint16(DCM_HighBit, 15);
  data.putAndInsertUint16(DCM_PixelRepresentation, 1);
  Put(data, DCM_RescaleSlope, Text(static_cast<double>(volume.slope[static_cast<std::size_t>(k)])));
  Put(data, DCM_RescaleIntercept, Text(static_cast<double>(volume.intercept[static_cast<std::size_t>(k)])));
  const auto* pixels = reinterpret_cast<const Uint16*>(volume.voxels.data() + volume.geometry.Offset(0, 0, k));
  const OFCondition result =
      data.putAndInsertUint16Array(DCM_PixelData, pixels, static_cast<unsigned long>(size.x * size.y));
  Ensure(result.good(), "the pixels of a phantom could not be set");
}

void PutPetModule(DcmItem& data, const Volume& volume, std::int64_t k) {
  Put(data, DCM_ImageType, "ORIGINAL\\PRIMARY");
  Put(data, DCM_SeriesDescription, "PET, SUV body weight");
  Put(data, DCM_Units, "GML");
  Put(data, DCM_SUVType, "BW");
  Put(data, DCM_CountsSource, "EMISSION");
  Put(data, DCM_SeriesType, "WHOLE BODY\\IMAGE");
  data.putAndInsertUint16(DCM_NumberOfSlices, static_cast<Uint16>(volume.geometry.size.z));
  Put(data, DCM_CorrectedImage, "ATTN\\DECY\\SCAT\\NORM");
  Put(data, DCM_DecayCorrection, "START");
  Put(data, DCM_CollimatorType, "NONE");
  Put(data, DCM_RandomsCorrectionMethod, "DLYD");
  Put(data, DCM_AttenuationCorrectionMethod, "measured,CT");
  Put(data, DCM_ScatterCorrectionMethod, "model");
  Put(data, DCM_ReconstructionMethod, "synthetic");
  Put(data, DCM_FrameReferenceTime, "0");
  Put(data, DCM_ActualFrameDuration, "120000");
  Put(data, DCM_DecayFactor, "1");
  Put(data, DCM_DoseCalibrationFactor, "1");
  data.putAndInsertUint16(DCM_ImageIndex, static_cast<Uint16>(k + 1));
  DcmItem& drug = NewItem(data, DCM_RadiopharmaceuticalInformationSequence);
  Put(drug, DCM_Radiopharmaceutical, "Fluorodeoxyglucose F^18^");
  Put(drug, DCM_RadiopharmaceuticalStartTime, "091500");
  Put(drug, DCM_RadionuclideTotalDose, "20000000");
  Put(drug, DCM_RadionuclideHalfLife, "6586.2");
  Put(drug, DCM_RadionuclidePositronFraction, "0.9673");
  PutCode(drug, DCM_RadionuclideCodeSequence, "77004003", "SCT", "^18^Fluorine");
  PutCode(drug, DCM_RadiopharmaceuticalCodeSequence, "35321007", "SCT", "Fluorodeoxyglucose F^18^");
  PutCode(data, DCM_PatientOrientationCodeSequence, "102538003", "SCT", "recumbent");
  DcmItem* orientation = nullptr;
  data.findAndGetSequenceItem(DCM_PatientOrientationCodeSequence, orientation);
  PutCode(*orientation, DCM_PatientOrientationModifierCodeSequence, "40199007", "SCT", "supine");
  PutCode(data, DCM_PatientGantryRelationshipCodeSequence, "102540008", "SCT", "headfirst");
}

void PutCtModule(DcmItem& data) {
  Put(data, DCM_ImageType, "ORIGINAL\\PRIMARY\\AXIAL");
  Put(data, DCM_SeriesDescription, "CT, low dose");
  Put(data, DCM_RescaleType, "HU");
  Put(data, DCM_PatientPosition, "HFS");
  Put(data, DCM_KVP, "100");
}

void Save(DcmFileFormat& file, const std::filesystem::path& path) {
  const OFCondition result = file.saveFile(path.c_str(), EXS_LittleEndianExplicit);
  if (result.bad()) {
    throw Error(ErrorCode::kUnavailable, "cannot write " + path.string() + ": " + result.text(),
                "Check that the folder can be written and has room.");
  }
}

void MakeFolder(const std::filesystem::path& dir) {
  std::error_code failure;
  std::filesystem::create_directories(dir, failure);
  if (failure) {
    throw Error(ErrorCode::kUnavailable, "cannot make the folder " + dir.string() + ": " + failure.message(),
                "Check that the folder can be written and has room.");
  }
}

void PutImageReference(DcmItem& parent, const PhantomIdentity& identity, const Volume& series, std::int64_t k) {
  DcmItem& image = NewItem(parent, DCM_ContourImageSequence);
  Put(image, DCM_ReferencedSOPClassUID, SopClass(series));
  Put(image, DCM_ReferencedSOPInstanceUID, SliceUid(identity, ModalityText(series), k));
}

void PutReferencedFrame(DcmItem& data, const PhantomIdentity& identity, const Volume& series) {
  DcmItem& frame = NewItem(data, DCM_ReferencedFrameOfReferenceSequence);
  Put(frame, DCM_FrameOfReferenceUID, FrameUid(identity));
  DcmItem& study = NewItem(frame, DCM_RTReferencedStudySequence);
  Put(study, DCM_ReferencedSOPClassUID, UID_RETIRED_DetachedStudyManagementSOPClass);
  Put(study, DCM_ReferencedSOPInstanceUID, StudyUid(identity));
  DcmItem& referenced = NewItem(study, DCM_RTReferencedSeriesSequence);
  Put(referenced, DCM_SeriesInstanceUID, SeriesUid(identity, ModalityText(series)));
  for (std::int64_t k = 0; k < series.geometry.size.z; ++k) PutImageReference(referenced, identity, series, k);
}

void PutPolygon(DcmItem& contours, const PhantomIdentity& identity, const Volume& series,
                const std::vector<Vec3>& polygon) {
  DcmItem& contour = NewItem(contours, DCM_ContourSequence);
  const auto k = std::llround(series.geometry.PointToIndex(polygon.front()).z);
  PutImageReference(contour, identity, series, k);
  Put(contour, DCM_ContourGeometricType, "CLOSED_PLANAR");
  Put(contour, DCM_NumberOfContourPoints, std::to_string(polygon.size()));
  std::string points;
  for (const Vec3& point : polygon) {
    if (!points.empty()) points += '\\';
    points += fmt::format("{:.3f}\\{:.3f}\\{}", point.x, point.y, Text(point.z));
  }
  Put(contour, DCM_ContourData, points);
}

void PutRoi(DcmItem& data, const PhantomIdentity& identity, const Volume& series, const PhantomRoi& roi, int number) {
  DcmItem& entry = NewItem(data, DCM_StructureSetROISequence);
  Put(entry, DCM_ROINumber, std::to_string(number));
  Put(entry, DCM_ReferencedFrameOfReferenceUID, FrameUid(identity));
  Put(entry, DCM_ROIName, roi.name);
  Put(entry, DCM_ROIGenerationAlgorithm, "AUTOMATIC");

  DcmItem& contours = NewItem(data, DCM_ROIContourSequence);
  Put(contours, DCM_ReferencedROINumber, std::to_string(number));
  Put(contours, DCM_ROIDisplayColor, "255\\0\\0");
  for (const auto& polygon : roi.polygons) PutPolygon(contours, identity, series, polygon);

  DcmItem& observation = NewItem(data, DCM_RTROIObservationsSequence);
  Put(observation, DCM_ObservationNumber, std::to_string(number));
  Put(observation, DCM_ReferencedROINumber, std::to_string(number));
  Put(observation, DCM_RTROIInterpretedType, "GTV");
  Put(observation, DCM_ROIInterpreter, "");
}

}  // namespace

std::string DerivedUid(std::string_view text) {
  Digest digest = DigestOf(text);
  digest.bytes[6] = static_cast<std::uint8_t>((digest.bytes[6] & 0x0FU) | 0x80U);  // version 8: vendor's own rule
  digest.bytes[8] = static_cast<std::uint8_t>((digest.bytes[8] & 0x3FU) | 0x80U);  // variant of RFC 9562
  std::string decimal;
  std::array<std::uint8_t, 16> number{};
  std::copy_n(digest.bytes.begin(), number.size(), number.begin());
  while (std::any_of(number.begin(), number.end(), [](std::uint8_t byte) { return byte != 0; })) {
    unsigned remainder = 0;  // long division of the big-endian number by ten
    for (std::uint8_t& byte : number) {
      const unsigned value = remainder * 256 + byte;
      byte = static_cast<std::uint8_t>(value / 10);
      remainder = value % 10;
    }
    decimal += static_cast<char>('0' + remainder);
  }
  return "2.25." + std::string(decimal.rbegin(), decimal.rend());
}

void WritePhantomSeries(const std::filesystem::path& dir, const PhantomIdentity& identity, const Volume& volume) {
  MakeFolder(dir);
  const bool pet = volume.modality == Modality::kPet;
  for (std::int64_t k = 0; k < volume.geometry.size.z; ++k) {
    DcmFileFormat file;
    DcmDataset& data = *file.getDataset();
    Put(data, DCM_SOPClassUID, SopClass(volume));
    Put(data, DCM_SOPInstanceUID, SliceUid(identity, ModalityText(volume), k));
    PutCommon(data, identity, ModalityText(volume), pet ? 2 : 1);
    PutPlane(data, volume, k);
    if (pet) {
      PutPetModule(data, volume, k);
    } else {
      PutCtModule(data);
    }
    PutPixels(data, volume, k);
    Save(file, dir / fmt::format("{:04}.dcm", k + 1));
  }
}

void WritePhantomContours(const std::filesystem::path& path, const PhantomIdentity& identity, const Volume& series,
                          std::span<const PhantomRoi> rois) {
  MakeFolder(path.parent_path());
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  Put(data, DCM_SOPClassUID, UID_RTStructureSetStorage);
  Put(data, DCM_SOPInstanceUID, DerivedUid(identity.uid_seed + " structure set"));
  PutCommon(data, identity, "RTSTRUCT", 3);
  Put(data, DCM_OperatorsName, "");
  Put(data, DCM_StructureSetLabel, "TUMOURS");
  Put(data, DCM_StructureSetDate, kDate);
  Put(data, DCM_StructureSetTime, kTime);
  Put(data, DCM_ApprovalStatus, "UNAPPROVED");
  PutReferencedFrame(data, identity, series);
  int number = 0;
  for (const PhantomRoi& roi : rois) PutRoi(data, identity, series, roi, ++number);
  Save(file, path);
}

}  // namespace consilium
