// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/dicom_files.h"

// DCMTK's configuration comes first.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/dcmjpls/djrparam.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>

#include "core/base/error.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

void RegisterEncoders() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEEncoderRegistration::registerCodecs();
    DJEncoderRegistration::registerCodecs();
    DJLSEncoderRegistration::registerCodecs(0, 0, 0, 0, OFFalse);  // the stored bits as they are
  });
}

void Check(const OFCondition& condition, const std::string& what) {
  Ensure(condition.good(), "a test file could not be made, " + what + ": " + condition.text());
}

DcmTagKey Key(std::uint32_t tag) { return {static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xFFFF)}; }

void Put(DcmItem& item, const DcmTagKey& tag, const std::string& value) {
  Check(item.putAndInsertString(tag, value.c_str()), value);
}

DcmItem& NewItem(DcmItem& parent, const DcmTagKey& sequence) {
  DcmItem* item = nullptr;
  Check(parent.findOrCreateSequenceItem(sequence, item, -2), "a sequence item");
  return *item;
}

std::string Text(double value) {
  std::array<char, 40> text{};
  for (int digits = 12; digits > 0; --digits) {
    if (std::snprintf(text.data(), text.size(), "%.*g", digits, value) <= 16) break;  // PS3.5: a decimal string
  }
  return text.data();
}

std::string Text(Vec3 v) { return Text(v.x) + "\\" + Text(v.y) + "\\" + Text(v.z); }

const char* SopClass(Modality modality) {
  switch (modality) {
    case Modality::kPet: return UID_PositronEmissionTomographyImageStorage;
    case Modality::kCt: return UID_CTImageStorage;
    case Modality::kMr: return UID_MRImageStorage;
  }
  return "";
}

const char* ModalityName(Modality modality) {
  switch (modality) {
    case Modality::kPet: return "PT";
    case Modality::kCt: return "CT";
    case Modality::kMr: return "MR";
  }
  return "";
}

void PutPatient(DcmItem& data, const std::string& patient, const std::string& study) {
  Put(data, DCM_PatientID, patient);
  Put(data, DCM_PatientName, "Test^" + patient);
  Put(data, DCM_PatientBirthDate, "");
  Put(data, DCM_PatientSex, "O");
  Put(data, DCM_PatientWeight, "70");
  Put(data, DCM_StudyInstanceUID, study);
  Put(data, DCM_StudyID, "1");
  Put(data, DCM_StudyDate, "20200301");
  Put(data, DCM_StudyTime, "110000");
  Put(data, DCM_AccessionNumber, "");
  Put(data, DCM_ReferringPhysicianName, "");
}

void PutPet(DcmItem& data) {
  Put(data, DCM_Units, "GML");
  Put(data, DCM_SeriesDate, "20200301");
  Put(data, DCM_SeriesTime, "110000");
  Put(data, DCM_AcquisitionDate, "20200301");
  Put(data, DCM_AcquisitionTime, "110000");
  Put(data, DCM_CorrectedImage, "DECY\\ATTN");
  Put(data, DCM_DecayCorrection, "START");
  DcmItem& drug = NewItem(data, DCM_RadiopharmaceuticalInformationSequence);
  Put(drug, DCM_RadiopharmaceuticalStartTime, "100000");
  Put(drug, DCM_RadionuclideTotalDose, "3.5e8");
  Put(drug, DCM_RadionuclideHalfLife, "3600");
}

void PutPixels(DcmDataset& data, const SeriesFiles& s, std::int64_t k) {
  Put(data, DCM_SamplesPerPixel, "1");
  Put(data, DCM_PhotometricInterpretation, s.photometric);
  Put(data, DCM_Rows, std::to_string(s.geometry.size.y));
  Put(data, DCM_Columns, std::to_string(s.geometry.size.x));
  Put(data, DCM_BitsAllocated, std::to_string(s.bits_allocated));
  Put(data, DCM_BitsStored, std::to_string(s.bits_stored));
  Put(data, DCM_HighBit, std::to_string(s.bits_stored - 1));
  Put(data, DCM_PixelRepresentation, s.is_signed ? "1" : "0");
  std::vector<Uint16> words;
  std::vector<Uint8> bytes;
  const unsigned mask = (1u << s.bits_stored) - 1u;
  for (std::int64_t j = 0; j < s.geometry.size.y; ++j) {
    for (std::int64_t i = 0; i < s.geometry.size.x; ++i) {
      unsigned bits = static_cast<unsigned>(s.Stored(i, j, k));
      // Two's complement, sign carried on to the bits allocated; the JPEG-LS encoder takes the bits stored only.
      if (s.encoding == Encoding::kJpegLs) bits &= mask;
      if (s.junk_above) bits = (bits & mask) | ~mask;
      words.push_back(static_cast<Uint16>(bits));
      bytes.push_back(static_cast<Uint8>(bits));
    }
  }
  Check(s.bits_allocated == 16 ? data.putAndInsertUint16Array(DCM_PixelData, words.data(), words.size())
                               : data.putAndInsertUint8Array(DCM_PixelData, bytes.data(), bytes.size()),
        "pixels");
}

void Edit(DcmItem& data, const TagEdit& edit) {
  DcmItem* item = &data;
  for (std::size_t i = 0; i + 1 < edit.path.size(); ++i) {
    DcmItem* inner = nullptr;
    Check(item->findOrCreateSequenceItem(Key(edit.path[i]), inner, 0), "a sequence item");
    item = inner;
  }
  if (edit.value) {
    Put(*item, Key(edit.path.back()), *edit.value);
  } else {
    Check(item->findAndDeleteElement(Key(edit.path.back())), "a tag to drop");
  }
}

void Save(DcmFileFormat& file, const fs::path& path, Encoding encoding) {
  static constexpr E_TransferSyntax kSyntaxes[] = {EXS_LittleEndianExplicit, EXS_LittleEndianImplicit, EXS_RLELossless,
                                                   EXS_JPEGProcess14SV1, EXS_JPEGLSLossless};
  const E_TransferSyntax syntax = kSyntaxes[static_cast<std::size_t>(encoding)];
  const DcmRLERepresentationParameter rle;
  const DJ_RPLossless jpeg;
  const DJLSRepresentationParameter jpeg_ls(0, OFTrue);
  const std::array<const DcmRepresentationParameter*, 5> parameters = {nullptr, nullptr, &rle, &jpeg, &jpeg_ls};
  Check(file.getDataset()->chooseRepresentation(syntax, parameters[static_cast<std::size_t>(encoding)]), "encoding");
  Check(file.saveFile(path.c_str(), syntax), path.string());
}

void WriteSlice(const fs::path& path, const SeriesFiles& s, std::int64_t k, const std::string& sop_uid) {
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  Put(data, DCM_SOPClassUID, SopClass(s.modality));
  Put(data, DCM_SOPInstanceUID, sop_uid);
  PutPatient(data, s.patient, s.study);
  Put(data, DCM_Modality, ModalityName(s.modality));
  Put(data, DCM_SeriesInstanceUID, s.series);
  Put(data, DCM_SeriesDescription, "test series");
  Put(data, DCM_FrameOfReferenceUID, s.frame);
  if (s.modality == Modality::kPet) PutPet(data);
  Put(data, DCM_ImageOrientationPatient, Text(s.geometry.direction[0]) + "\\" + Text(s.geometry.direction[1]));
  Put(data, DCM_ImagePositionPatient, Text(s.geometry.IndexToPoint({0, 0, static_cast<double>(k)})));
  Put(data, DCM_PixelSpacing, Text(s.geometry.spacing_mm.y) + "\\" + Text(s.geometry.spacing_mm.x));
  Put(data, DCM_InstanceNumber, std::to_string(k + 1));
  Put(data, DCM_RescaleSlope, Text(s.Slope(k)));
  Put(data, DCM_RescaleIntercept, Text(s.Intercept(k)));
  PutPixels(data, s, k);
  for (const TagEdit& edit : s.edits) {
    if (edit.slice < 0 || edit.slice == k) Edit(data, edit);
  }
  Save(file, path, s.encoding);
}

}  // namespace

std::int32_t SeriesFiles::Stored(std::int64_t i, std::int64_t j, std::int64_t k) const {
  const std::int64_t range = std::int64_t{1} << bits_stored;
  if (rise != 0) return static_cast<std::int32_t>((i * 7919 + k * 1299709) % 1000 + j * rise);
  const std::int64_t value = (i * 7919 + j * 104729 + k * 1299709 + i * j * k * 31 + phase * 15485863) % range;
  return static_cast<std::int32_t>(is_signed ? value - range / 2 : value);
}

std::vector<fs::path> WriteSeries(const fs::path& folder, const SeriesFiles& s) {
  RegisterEncoders();
  fs::create_directories(folder);
  std::vector<fs::path> files;
  for (std::int64_t k = 0; k < s.geometry.size.z; ++k) {
    if (k == s.dropped || (s.only >= 0 && k != s.only)) continue;
    // 7 has no divisor in common with the sizes tests use, so every slice gets a name of its own.
    const std::int64_t name = s.shuffled ? (k * 7 + 3) % s.geometry.size.z : k;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%03d", static_cast<int>(name));
    const std::string sop = (s.sop_root.empty() ? s.series + ".7" : s.sop_root) + "." + std::to_string(k + 1);
    files.push_back(folder / (s.prefix + text.data() + s.extension));
    WriteSlice(files.back(), s, k, sop);
    if (k == s.twice) WriteSlice(folder / (s.prefix + text.data() + "-again.dcm"), s, k, sop + ".1");
  }
  return files;
}

void WriteRtStruct(const RtStruct& structures, const std::string& study_uid) {
  RegisterEncoders();
  fs::create_directories(structures.file.parent_path());
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  Put(data, DCM_SOPClassUID, UID_RTStructureSetStorage);
  Put(data, DCM_SOPInstanceUID, study_uid + ".5.1");
  PutPatient(data, structures.source.patient_id.Reveal(), study_uid);
  Put(data, DCM_Modality, "RTSTRUCT");
  Put(data, DCM_SeriesInstanceUID, study_uid + ".5");
  DcmItem& frame = NewItem(data, DCM_ReferencedFrameOfReferenceSequence);
  for (const PatientText& uid : structures.source.frames_of_reference)
    Put(frame, DCM_FrameOfReferenceUID, uid.Reveal());
  DcmItem& study = NewItem(frame, DCM_RTReferencedStudySequence);
  for (const PatientText& uid : structures.source.series_uids) {
    DcmItem& series = NewItem(study, DCM_RTReferencedSeriesSequence);
    Put(series, DCM_SeriesInstanceUID, uid.Reveal());
    for (const PatientText& image : structures.source.sop_instance_uids)
      Put(NewItem(series, DCM_ContourImageSequence), DCM_ReferencedSOPInstanceUID, image.Reveal());
  }
  int number = 0;
  for (const Roi& roi : structures.rois) {
    DcmItem& entry = NewItem(data, DCM_StructureSetROISequence);
    Put(entry, DCM_ROINumber, std::to_string(++number));
    Put(entry, DCM_ROIName, roi.name);
    DcmItem& drawn = NewItem(data, DCM_ROIContourSequence);
    Put(drawn, DCM_ReferencedROINumber, std::to_string(number));
    for (const auto& points : roi.contours) {
      DcmItem& contour = NewItem(drawn, DCM_ContourSequence);
      Put(contour, DCM_ContourGeometricType, "CLOSED_PLANAR");
      Put(contour, DCM_NumberOfContourPoints, std::to_string(points.size()));
      std::string text;
      for (const Vec3 point : points) text += (text.empty() ? "" : "\\") + Text(point);
      Put(contour, DCM_ContourData, text);
    }
  }
  Save(file, structures.file, Encoding::kExplicit);
}

void EditDicomFile(const fs::path& path, const std::vector<TagEdit>& edits) {
  DcmFileFormat file;
  Check(file.loadFile(path.c_str()), path.string());
  file.loadAllDataIntoMemory();
  for (const TagEdit& edit : edits) Edit(*file.getDataset(), edit);
  Save(file, path, Encoding::kExplicit);
}

std::string ReadFileBytes(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  Ensure(in.good(), "cannot open " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteFileBytes(const fs::path& file, const std::string& bytes) {
  std::ofstream out(file, std::ios::binary);
  Ensure(out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).good(), "cannot write " + file.string());
}

}  // namespace consilium
