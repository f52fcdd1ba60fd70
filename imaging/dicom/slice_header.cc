// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/slice_header.h"

#include <cmath>
#include <optional>
#include <string_view>

#include "core/data/library_statistics.h"
#include "imaging/dicom/acquisitions.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/header_values.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

// Many models begin with the manufacturer's name: it is said once.
std::string ScannerName(const std::string& manufacturer, const std::string& model) {
  if (model.empty() || manufacturer.empty() || model.starts_with(manufacturer)) {
    return PlainName(model.empty() ? manufacturer : model);
  }
  return PlainName(manufacturer + " " + model);
}

constexpr int kLargestEdge = 16384;       // rows or columns
constexpr double kFarthestMm = 1e6;       // from the origin: no scanner reaches that far
constexpr double kLargestRescale = 1e12;  // slope or intercept; a float holds every value that follows

// Reads tags and remembers the first one that is missing.
class Reader {
 public:
  Reader(const HeaderValues& values, Fault& fault) : values_(values), fault_(fault) {}

  void Refuse(QuarantineReason reason, std::string words) {
    if (fault_.words.empty()) fault_ = {reason, std::move(words)};
  }
  void Missing(TagNumber tag) { Refuse(QuarantineReason::kMissingTag, "missing tag " + TagWords(tag)); }
  void OutOfBounds(TagNumber tag) { Refuse(QuarantineReason::kMissingTag, TagWords(tag) + " is out of bounds"); }
  void NoVolume(std::string words) { Refuse(QuarantineReason::kNotAVolume, std::move(words)); }

  double Number(TagNumber tag) { return Numbers(tag, 1).front(); }

  int Integer(TagNumber tag, int low, int high) {
    const double value = Number(tag);
    if (value >= low && value <= high) return static_cast<int>(value);
    OutOfBounds(tag);
    return low;
  }

  std::vector<double> Numbers(TagNumber tag, std::size_t count) {
    std::vector<double> values = values_.Numbers(tag);
    if (values.size() == count) return values;
    Refuse(QuarantineReason::kMissingTag,
           (values.empty() ? "missing tag " : "not the right count of numbers in ") + TagWords(tag));
    return std::vector<double>(count, 0.0);
  }

  PatientText Secret(TagNumber tag) { return PatientText(values_.Text(tag)); }

 private:
  const HeaderValues& values_;
  Fault& fault_;
};

// Of a text, an integer or a floating point tag.
std::string TextOrNumber(const HeaderValues& values, TagNumber tag) {
  if (std::string text = values.Text(tag); !text.empty()) return text;
  const auto number = values.Number(tag);
  return number ? std::to_string(*number) : std::string();
}

std::string_view SopClass(FileKind kind, Modality modality) {
  if (kind == FileKind::kStructureSet) return "1.2.840.10008.5.1.4.1.1.481.3";
  if (kind == FileKind::kSegmentation) return "1.2.840.10008.5.1.4.1.1.66.4";
  switch (modality) {
    case Modality::kPet: return "1.2.840.10008.5.1.4.1.1.128";
    case Modality::kCt: return "1.2.840.10008.5.1.4.1.1.2";
    case Modality::kMr: return "1.2.840.10008.5.1.4.1.1.4";
  }
  return {};
}

std::optional<Modality> ModalityOf(const std::string& sop_class) {
  for (const Modality m : {Modality::kPet, Modality::kCt, Modality::kMr}) {
    // Enhanced CT, MR and PET are named in the fault of the slice.
    if (sop_class == SopClass(FileKind::kSlice, m)) return m;
  }
  if (sop_class == "1.2.840.10008.5.1.4.1.1.2.1") return Modality::kCt;
  if (sop_class == "1.2.840.10008.5.1.4.1.1.4.1") return Modality::kMr;
  if (sop_class == "1.2.840.10008.5.1.4.1.1.130") return Modality::kPet;
  return std::nullopt;
}

void ReadGeometry(Reader& read, SliceHeader& h) {
  h.rows = read.Integer(tag::kRows, 1, kLargestEdge);
  h.columns = read.Integer(tag::kColumns, 1, kLargestEdge);
  const auto position = read.Numbers(tag::kPosition, 3);
  const auto orientation = read.Numbers(tag::kOrientation, 6);
  const auto spacing = read.Numbers(tag::kPixelSpacing, 2);
  h.slice.position_mm = {position[0], position[1], position[2]};
  for (const double mm : position) {
    if (std::abs(mm) > kFarthestMm) read.OutOfBounds(tag::kPosition);
  }
  h.row = {orientation[0], orientation[1], orientation[2]};
  h.column = {orientation[3], orientation[4], orientation[5]};
  h.row_spacing_mm = spacing[0];
  h.column_spacing_mm = spacing[1];
  if (spacing[0] <= 0 || spacing[1] <= 0 || spacing[0] > 1000 || spacing[1] > 1000) {
    read.OutOfBounds(tag::kPixelSpacing);
  }
  const double row = Norm(h.row), column = Norm(h.column);
  if (std::abs(row - 1) > 1e-2 || std::abs(column - 1) > 1e-2 || std::abs(Dot(h.row, h.column)) > 1e-2) {
    read.Refuse(QuarantineReason::kMissingTag, TagWords(tag::kOrientation) + " is not two right-angled unit vectors");
    return;
  }
  h.row = (1 / row) * h.row;
  h.column = (1 / column) * h.column;
}

void ReadPixelFormat(Reader& read, const HeaderValues& values, SliceHeader& h) {
  if (read.Integer(tag::kSamplesPerPixel, 0, 65535) != 1) read.NoVolume("colour images are no volume");
  const std::string photometric = values.Text(tag::kPhotometric);
  if (photometric.empty()) read.Missing(tag::kPhotometric);
  if (photometric != "MONOCHROME1" && photometric != "MONOCHROME2") read.NoVolume("colour images are no volume");
  if (values.Number(tag::kFrames).value_or(1) != 1)
    read.NoVolume("several frames in one file (enhanced or multi-frame)");
  h.format.bits_allocated = read.Integer(tag::kBitsAllocated, 1, 64);
  h.format.bits_stored = read.Integer(tag::kBitsStored, 1, 64);
  h.format.is_signed = read.Integer(tag::kPixelRepresentation, 0, 1) == 1;
  const int high_bit = read.Integer(tag::kHighBit, 0, 63);
  const bool known = h.format.bits_allocated == 8 || h.format.bits_allocated == 16;
  if (!known || h.format.bits_stored > h.format.bits_allocated || high_bit != h.format.bits_stored - 1) {
    read.NoVolume("pixels that are not 8 or 16 bits (0028,0100)");
  }
}

void ReadRescale(Reader& read, const HeaderValues& values, SliceHeader& h) {
  const auto slope = values.Number(tag::kSlope), intercept = values.Number(tag::kIntercept);
  if (h.modality != Modality::kMr) {
    if (!slope) read.Missing(tag::kSlope);
    if (!intercept) read.Missing(tag::kIntercept);
  }
  h.slice.slope = slope.value_or(1);
  h.slice.intercept = intercept.value_or(0);
  if (std::abs(h.slice.slope) > kLargestRescale) read.OutOfBounds(tag::kSlope);
  if (std::abs(h.slice.intercept) > kLargestRescale) read.OutOfBounds(tag::kIntercept);
  if (h.slice.slope == 0) read.Refuse(QuarantineReason::kMissingTag, TagWords(tag::kSlope) + " is zero");
}

constexpr PrivateTag kGeScanDateTime{0x0009, "GEMS_PETD_01", 0x0D};
constexpr PrivateTag kSiemensDecayDateTime{0x0071, "SIEMENS MED PT", 0x22};
constexpr PrivateTag kPhilipsSuvFactor{0x7053, "Philips PET Private Group", 0x00};
constexpr PrivateTag kPhilipsBqFactor{0x7053, "Philips PET Private Group", 0x09};

std::optional<double> SecondsOfMs(std::optional<double> ms) { return ms ? std::optional(*ms / 1000) : std::nullopt; }

PetFacts ReadPetFacts(const FileValues& file) {
  const HeaderValues& values = file.top;
  PetFacts f;
  f.units = values.Text(tag::kUnits);
  f.suv_type = values.Text(tag::kSuvType);
  f.decay_correction = values.Text(tag::kDecayCorrection);
  f.corrected_image = values.Text(tag::kCorrectedImage);
  f.series_date = values.Text(tag::kSeriesDate);
  f.series_time = values.Text(tag::kSeriesTime);
  f.acquisition_date = values.Text(tag::kAcquisitionDate);
  f.acquisition_time = values.Text(tag::kAcquisitionTime);
  f.time_zone = values.Text(tag::kTimeZone);
  f.decay_date_time = values.Text(kGeScanDateTime);
  if (f.decay_date_time.empty()) f.decay_date_time = values.Text(kSiemensDecayDateTime);
  f.weight_kg = values.Number(tag::kPatientWeight);
  f.frame_reference_s = SecondsOfMs(values.Number(tag::kFrameReferenceTime));
  f.frame_duration_s = SecondsOfMs(values.Number(tag::kFrameDuration));
  if (f.units == "CNTS") {
    f.philips_suv_factor = values.Number(kPhilipsSuvFactor);
    f.philips_bq_factor = values.Number(kPhilipsBqFactor);
  }
  f.several_drugs = file.drugs > 1;
  const HeaderValues& dose = file.drug;
  f.injection_date_time = dose.Text(tag::kStartDateTime);
  f.injection_time = dose.Text(tag::kStartTime);
  f.dose_bq = dose.Number(tag::kTotalDose);
  f.half_life_s = dose.Number(tag::kHalfLife);
  return f;
}

// Images that scanners and viewers put beside a volume: by ImageType (PS3.3 C.8.2.1.1.1 and the vendors' own values).
// DERIVED\\SECONDARY alone says nothing: so are the PET images of many scanners.
std::string HarmlessWords(const std::string& image_type, bool colour) {
  struct Kind {
    std::string_view value, words;
  };
  static constexpr Kind kKinds[] = {
      {"LOCALIZER", "a localiser"},
      {"SCOUT", "a localiser"},
      {"TOPOGRAM", "a localiser"},
      {"MIP", "a derived projection (MIP)"},
      {"MAX_IP", "a derived projection (MIP)"},
      {"MIN_IP", "a derived projection (MIP)"},
      {"PROJECTION IMAGE", "a derived projection"},
      {"VOLUME RENDERING", "a picture of a rendering"},
      {"SCREEN SAVE", "a screenshot"},
      {"SCREENSHOT", "a screenshot"},
      {"SECONDARY CAPTURE", "a screenshot"},
      {"DOSE_INFO", "a dose sheet"},
      {"PASTED", "a pasted image"},
  };
  for (const Kind& kind : kKinds) {
    if (("\\" + image_type + "\\").find("\\" + std::string(kind.value) + "\\") != std::string::npos) {
      return std::string(kind.words);
    }
  }
  return colour && image_type.starts_with("DERIVED") ? "a derived colour image" : "";
}

void ReadAcquisition(const HeaderValues& values, SliceHeader& h) {
  for (const TagNumber tag : AcquisitionTags()) h.acquisition.push_back(TextOrNumber(values, tag));
  h.tilt_degrees = values.Number(tag::kGantryTilt).value_or(0);
  const double slices = values.Number(tag::kNumberOfSlices).value_or(0);
  constexpr double kMostSlices = 1e6;
  if (slices > 0 && slices < kMostSlices) h.slices_in_volume = static_cast<std::int64_t>(slices);
  const bool colour = values.Number(tag::kSamplesPerPixel).value_or(1) == 3;
  h.harmless = HarmlessWords(values.Text(tag::kImageType), colour);
}

void CheckPixelBytes(Reader& read, const PreScan& scan, SliceHeader& h) {
  if (!scan.has_pixels) return read.Missing(tag::kPixelData);
  const PixelPlace& place = scan.pixels;
  h.slice.pixels = place;
  const bool native = place.syntax->coding == PixelCoding::kNative;
  // Of a deflated file the pixels alone cannot be told apart from the rest: all of it is compared.
  h.pixels_begin = place.syntax->deflated ? place.dataset : place.offset;
  h.pixels_end = place.syntax->deflated ? place.stamp.size : native ? place.offset + place.bytes : scan.checked_bytes;
  if (!native) return;
  const std::uint64_t needed = static_cast<std::uint64_t>(h.rows) * static_cast<std::uint64_t>(h.columns) *
                               static_cast<std::uint64_t>(h.format.bits_allocated / 8);
  if (place.bytes < needed) read.Refuse(QuarantineReason::kNotReadable, "fewer pixels than rows and columns say");
}

}  // namespace

FileKind KindOf(const std::string& sop_class) {
  if (sop_class == SopClass(FileKind::kStructureSet, {})) return FileKind::kStructureSet;
  if (sop_class == SopClass(FileKind::kSegmentation, {})) return FileKind::kSegmentation;
  constexpr std::string_view kSecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";  // further kinds below it
  if ((sop_class + ".").starts_with(std::string(kSecondaryCapture) + ".")) return FileKind::kScreenshot;
  return ModalityOf(sop_class) ? FileKind::kSlice : FileKind::kOther;
}

SliceHeader ReadSliceHeader(const FileValues& file_values, const std::filesystem::path& file, const PreScan& scan) {
  const HeaderValues& values = file_values.top;
  SliceHeader h;
  Reader read(values, h.fault);
  h.slice.file = file;
  h.slice.sop_instance_uid = read.Secret(tag::kSopInstanceUid);
  h.info = {read.Secret(tag::kPatientId),        read.Secret(tag::kPatientName),      read.Secret(tag::kStudyUid),
            read.Secret(tag::kSeriesUid),        read.Secret(tag::kFrameOfReference), read.Secret(tag::kStudyDate),
            read.Secret(tag::kSeriesDescription)};
  h.info.scanner = ScannerName(values.Text(tag::kManufacturer), values.Text(tag::kModelName));
  if (h.info.series_uid.empty()) read.Missing(tag::kSeriesUid);
  if (h.slice.sop_instance_uid.empty()) read.Missing(tag::kSopInstanceUid);
  const std::string sop_class = values.Text(tag::kSopClassUid);
  h.modality = ModalityOf(sop_class).value_or(Modality::kCt);
  if (sop_class != SopClass(FileKind::kSlice, h.modality)) {
    read.NoVolume("enhanced (multi-frame) images are not read; export the series as single slices");
  }
  ReadPixelFormat(read, values, h);
  ReadGeometry(read, h);
  ReadRescale(read, values, h);
  if (h.modality == Modality::kPet) h.pet = ReadPetFacts(file_values);
  ReadAcquisition(values, h);
  CheckPixelBytes(read, scan, h);
  return h;
}

}  // namespace consilium
