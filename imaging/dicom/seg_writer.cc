// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/seg_writer.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmfg/fgderimg.h>
#include <dcmtk/dcmfg/fgfracon.h>
#include <dcmtk/dcmfg/fgpixmsr.h>
#include <dcmtk/dcmfg/fgplanor.h>
#include <dcmtk/dcmfg/fgplanpo.h>
#include <dcmtk/dcmiod/cielabutil.h>
#include <dcmtk/dcmiod/iodreferences.h>
#include <dcmtk/dcmseg/segdoc.h>
#include <dcmtk/dcmseg/segment.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <system_error>

#include "core/base/error.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

// DCMTK answers by conditions; here a bad one is an Error.
void Check(const OFCondition& condition, const char* what) {
  if (condition.bad()) {
    throw Error(ErrorCode::kInternal, std::string("cannot make a DICOM SEG, ") + what + ": " + condition.text(),
                "Check that the source series is valid DICOM (dciodvfy).");
  }
}

// A decimal string: 16 characters at most (PS3.5 6.2).
OFString Ds(double value) {
  std::array<char, 40> text{};
  for (int digits = 12; digits > 0; --digits) {
    if (std::snprintf(text.data(), text.size(), "%.*g", digits, value) <= 16) break;
  }
  return text.data();
}

OFString Of(const std::string& text) { return {text.c_str(), text.size()}; }

std::string ShortAlgorithmName(const SegDescription& d) {
  std::string name = d.algorithm_name + (d.algorithm_version.empty() ? "" : " " + d.algorithm_version);
  const std::string model = ", model " + d.model_digest.Short();
  if (name.size() > 64 - model.size()) name.resize(64 - model.size());
  return name + model;
}

int LabelsOf(const LabelMap& map) {
  std::array<bool, 256> seen{};
  for (const std::uint8_t label : map.voxels) seen[label] = true;
  const int labels = static_cast<int>(std::count(seen.begin() + 1, seen.end(), true));
  for (int n = 1; n <= labels; ++n) {
    Require(seen[static_cast<std::size_t>(n)], "labels of a segmentation must be numbered 1, 2, ... without a hole");
  }
  return std::max(labels, 1);  // an empty map still says what was looked for
}

std::unique_ptr<DcmSegmentation> MakeEmpty(const Geometry& g, const SegDescription& d) {
  const OFString version = Of(d.algorithm_version.empty() ? "0" : d.algorithm_version);
  const IODGeneralEquipmentModule::EquipmentInfo equipment("Consilium", Of(d.algorithm_name),
                                                           Of(d.model_digest.Short()), version);
  ContentIdentificationMacro content;
  Check(content.setInstanceNumber("1"), "instance number");
  Check(content.setContentLabel("TUMOUR"), "content label");
  Check(content.setContentDescription(Of(d.segment_label)), "content description");
  Check(content.setContentCreatorName("Consilium^Software"), "content creator");
  DcmSegmentation* made = nullptr;
  Check(DcmSegmentation::createBinarySegmentation(made, static_cast<Uint16>(g.size.y), static_cast<Uint16>(g.size.x),
                                                  equipment, content),
        "the object");
  return std::unique_ptr<DcmSegmentation>(made);
}

class Writer {
 public:
  Writer(const Series& source, const LabelMap& map, const SegDescription& description)
      : source_(source), map_(map), d_(description), seg_(MakeEmpty(map.geometry, description)) {}

  void Write(const std::filesystem::path& file) {
    TakeOverSource();
    const int segments = LabelsOf(map_);
    AddSharedGroups();
    for (int n = 1; n <= segments; ++n) AddSegment(n, segments);
    if (frames_ == 0) AddFrame(1, map_.geometry.size.z / 2);
    AddReferences();
    Save(file);
  }

 private:
  // Patient, study and frame of reference come from the source, so that the PACS files the SEG with it.
  void TakeOverSource() {
    const DicomFile header = OpenDicom(source_.slices.front().file, ReadPart::kHeader);
    sop_class_ = TextOf(DataSet(*header), tag::kSopClassUid);
    Check(seg_->importFromSourceImage(DataSet(*header)), "patient and study of the source");
    Check(seg_->getSeries().setSeriesDescription(Of(d_.series_description)), "series description");
    Check(seg_->getSeries().setSeriesNumber(Of(std::to_string(d_.series_number))), "series number");
    OFString date, time;
    DcmDate::getCurrentDate(date);
    DcmTime::getCurrentTime(time);
    Check(seg_->getSeries().setSeriesDate(date), "series date");
    Check(seg_->getSeries().setSeriesTime(time), "series time");
  }

  void AddSharedGroups() {
    const Geometry& g = map_.geometry;
    const auto& [row, column, normal] = g.direction;
    std::unique_ptr<FGBase> orientation(FGPlaneOrientationPatient::createMinimal(
        Ds(row.x), Ds(row.y), Ds(row.z), Ds(column.x), Ds(column.y), Ds(column.z)));
    Check(seg_->addForAllFrames(*orientation), "orientation");
    FGPixelMeasures measures;
    Check(measures.setPixelSpacing(Ds(g.spacing_mm.y) + "\\" + Ds(g.spacing_mm.x)), "pixel spacing");
    Check(measures.setSliceThickness(Ds(g.spacing_mm.z)), "slice thickness");
    Check(measures.setSpacingBetweenSlices(Ds(g.spacing_mm.z)), "slice spacing");
    Check(seg_->addForAllFrames(measures), "pixel measures");
    std::array<char, 128> uid{};
    const OFString organisation(dcmGenerateUniqueIdentifier(uid.data()));
    IODMultiframeDimensionModule& dimensions = seg_->getDimensions();
    Check(dimensions.addDimensionIndex(DCM_ReferencedSegmentNumber, organisation, DCM_SegmentIdentificationSequence,
                                       "Segment"),
          "dimension");
    Check(dimensions.addDimensionIndex(DCM_ImagePositionPatient, organisation, DCM_PlanePositionSequence, "Position"),
          "dimension");
  }

  void AddSegment(int number, int segments) {
    const std::string label = d_.segment_label + (segments > 1 ? " " + std::to_string(number) : "");
    DcmSegment* made = nullptr;
    const CodeSequenceMacro category("49755003", "SCT", "Morphologically Abnormal Structure");
    const CodeSequenceMacro type(Of(d_.code.value), Of(d_.code.scheme), Of(d_.code.meaning));
    const bool automatic = d_.origin == SegOrigin::kAutomatic;
    Check(DcmSegment::create(made, Of(label), category, type,
                             automatic ? DcmSegTypes::SAT_AUTOMATIC : DcmSegTypes::SAT_MANUAL,
                             automatic ? Of(ShortAlgorithmName(d_)) : OFString()),
          "a segment");
    std::unique_ptr<DcmSegment> segment(made);
    if (automatic) NameAlgorithm(*segment);
    Colour(*segment);
    std::array<char, 128> uid{};
    Check(segment->setTrackingID(Of(label)), "tracking id");
    Check(segment->setTrackingUID(dcmGenerateUniqueIdentifier(uid.data())), "tracking uid");
    Uint16 given = 0;
    Check(seg_->addSegment(segment.release(), given), "a segment");
    const std::size_t in_slice = static_cast<std::size_t>(map_.geometry.size.x * map_.geometry.size.y);
    for (std::int64_t k = 0; k < map_.geometry.size.z; ++k) {
      const auto first = map_.voxels.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(k) * in_slice);
      const auto last = first + static_cast<std::ptrdiff_t>(in_slice);
      if (std::find(first, last, static_cast<std::uint8_t>(number)) != last) AddFrame(number, k);
    }
  }

  void NameAlgorithm(DcmSegment& segment) {
    Check(segment.setSegmentDescription(Of("Model SHA-256 " + d_.model_digest.Hex() + ". Research use only.")),
          "a segment's description");
    AlgorithmIdentificationMacro& algorithm = segment.getSegmentationAlgorithmIdentification();
    Check(algorithm.getAlgorithmFamilyCode().set("123110", "DCM", "Artificial Intelligence"), "algorithm family");
    Check(algorithm.setAlgorithmName(Of(d_.algorithm_name)), "algorithm name");
    Check(algorithm.setAlgorithmVersion(Of(d_.algorithm_version.empty() ? "0" : d_.algorithm_version)),
          "algorithm version");
    Check(algorithm.setAlgorithmParameters(Of("model " + d_.model_digest.Hex())), "algorithm parameters");
  }

  static void Colour(DcmSegment& segment) {
    double l = 0, a = 0, b = 0;
    IODCIELabUtil::rgb2DicomLab(l, a, b, 0.93, 0.33, 0.23);
    Check(segment.setRecommendedDisplayCIELabValue(static_cast<Uint16>(l), static_cast<Uint16>(a),
                                                   static_cast<Uint16>(b)),
          "colour");
  }

  void AddFrame(int segment, std::int64_t k) {
    const std::size_t in_slice = static_cast<std::size_t>(map_.geometry.size.x * map_.geometry.size.y);
    std::vector<Uint8> pixels(in_slice);
    for (std::size_t i = 0; i < in_slice; ++i) {
      pixels[i] = map_.voxels[static_cast<std::size_t>(k) * in_slice + i] == segment ? 1 : 0;
    }
    const Slice& slice = source_.slices[static_cast<std::size_t>(k)];
    // The source's own position, unless its slices were moved onto an upright grid (gantry tilt): the planes are the
    // same, so the frame still belongs to that slice, but it starts elsewhere in it.
    const Vec3 place = source_.tilted ? map_.geometry.IndexToPoint({0, 0, static_cast<double>(k)}) : slice.position_mm;
    std::unique_ptr<FGBase> position(FGPlanePosPatient::createMinimal(Ds(place.x), Ds(place.y), Ds(place.z)));
    FGFrameContent content;
    Check(content.setDimensionIndexValues(static_cast<Uint32>(segment), 0), "dimension index");
    Check(content.setDimensionIndexValues(static_cast<Uint32>(k + 1), 1), "dimension index");
    ImageSOPInstanceReferenceMacro* reference = nullptr;
    Check(ImageSOPInstanceReferenceMacro::create(Of(sop_class_), Of(slice.sop_instance_uid.Reveal()), reference),
          "reference to a source image");
    const std::unique_ptr<ImageSOPInstanceReferenceMacro> owner(reference);
    OFVector<ImageSOPInstanceReferenceMacro> references;
    references.push_back(*reference);
    std::unique_ptr<FGBase> derivation(FGDerivationImage::createMinimal(
        references, "", CodeSequenceMacro("113076", "DCM", "Segmentation"),
        CodeSequenceMacro("121322", "DCM", "Source image for image processing operation")));
    OFVector<FGBase*> groups;
    groups.push_back(position.get());
    groups.push_back(&content);
    groups.push_back(derivation.get());
    Check(seg_->addFrame(pixels.data(), static_cast<Uint16>(segment), groups), "a frame");
    bits_.resize((static_cast<std::size_t>(frames_ + 1) * in_slice + 15) / 16 * 2);  // an even number of bytes
    for (std::size_t i = 0; i < in_slice; ++i) {
      const std::size_t bit = static_cast<std::size_t>(frames_) * in_slice + i;
      bits_[bit / 8] = static_cast<Uint8>(bits_[bit / 8] | (pixels[i] << (bit % 8)));
    }
    ++frames_;
  }

  void AddReferences() {
    IODReferences references;
    const SeriesInfo& info = source_.info;
    for (const Slice& slice : source_.slices) {
      references.add(new IODImageReference(Of(info.patient_id.Reveal()), Of(info.study_uid.Reveal()),
                                           Of(info.series_uid.Reveal()), Of(slice.sop_instance_uid.Reveal()),
                                           Of(sop_class_)));  // owned by `references`
    }
    seg_->getCommonInstanceReference().addReferences(references, Of(info.study_uid.Reveal()));
  }

  void Save(const std::filesystem::path& file) {
    const std::filesystem::path temporary = file.string() + ".part";
    DcmFileFormat out;
    Check(seg_->writeDataset(*out.getDataset()), "the data set");
    // DCMTK 3.6.7 packs wrongly where a frame's pixels are no multiple of 8 (pydicom reads other voxels): our own bits.
    Check(out.getDataset()->putAndInsertUint8Array(DcmTag(DCM_PixelData, EVR_OB), bits_.data(), bits_.size()),
          "the pixels");
    // Some sources carry a Study ID longer than the 16 characters of its kind; ours may not.
    const std::string study_id = TextOf(DataSet(out), tag::kStudyId);
    Check(out.getDataset()->putAndInsertString(DCM_StudyID, study_id.substr(0, 16).c_str()), "the study id");
    const OFCondition saved = out.saveFile(temporary.c_str(), EXS_LittleEndianExplicit);
    std::error_code error;
    if (saved.good()) std::filesystem::rename(temporary, file, error);
    if (saved.bad() || error) {
      const std::string why = saved.bad() ? saved.text() : error.message();
      std::filesystem::remove(temporary, error);
      throw Error(ErrorCode::kDataLoss, "cannot write " + file.string() + ": " + why,
                  "Check that the folder exists, may be written and has room.");
    }
  }

  const Series& source_;
  const LabelMap& map_;
  const SegDescription& d_;
  std::unique_ptr<DcmSegmentation> seg_;
  std::string sop_class_;
  std::vector<Uint8> bits_;  // PS3.5 8.1.1: frames follow each other without a gap, lowest bit first
  int frames_ = 0;
};

}  // namespace

void WriteSeg(const std::filesystem::path& file, const Series& source, const LabelMap& map,
              const SegDescription& description) {
  Require(SameGrid(map.geometry, source.geometry) &&
              map.voxels.size() == static_cast<std::size_t>(map.geometry.size.count()),
          "the label map does not lie on the grid of the source series", "Bring it there with ToGrid().");
  Writer(source, map, description).Write(file);
}

}  // namespace consilium
