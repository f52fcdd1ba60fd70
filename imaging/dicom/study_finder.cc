// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/study_finder.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "core/base/as_error.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/label_finder.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNoFrame = "missing tag FrameOfReferenceUID (0020,0052): no CT can be paired with this PET";
constexpr const char* kNoCt = "PET without a usable CT of the same patient and frame of reference";

constexpr double kReach = 0.5;  // a CT of less than this part of the PET's slices is of another region

bool SameFrame(const PatientText& a, const PatientText& b) { return !a.empty() && a == b; }

bool Inside(Vec3 index, Size3 size) {
  const auto in = [](double at, std::int64_t count) { return at >= -0.5 && at <= static_cast<double>(count) - 0.5; };
  return in(index.x, size.x) && in(index.y, size.y) && in(index.z, size.z);
}

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
    inside += Inside(ct.PointToIndex(point), ct.size);
  }
  return static_cast<double>(inside) / (kRaster * kRaster * kRaster);
}

// The part of a PET's slices that a CT reaches, whatever its width.
double ReachedAlong(const Geometry& pet, const Geometry& ct) {
  constexpr int kRaster = 8;
  std::int64_t reached = 0;
  for (std::int64_t k = 0; k < pet.size.z; ++k) {
    bool inside = false;
    for (int n = 0; n < kRaster * kRaster && !inside; ++n) {
      const Vec3 at = ct.PointToIndex(pet.IndexToPoint(
          {(n % kRaster + 0.5) / kRaster * static_cast<double>(pet.size.x - 1),
           (n / kRaster + 0.5) / kRaster * static_cast<double>(pet.size.y - 1), static_cast<double>(k)}));
      inside = Inside(at, ct.size);
    }
    reached += inside;
  }
  return static_cast<double>(reached) / static_cast<double>(pet.size.z);
}

struct Pairing {
  const Series* ct = nullptr;  // the one that covers most, or none that covers anything
  double reached = 0;          // part of the PET's slices
};

// What belongs to each patient, so that years of an archive are paired in linear time.
template <class T>
using OfPatients = std::map<PatientText, std::vector<const T*>>;

OfPatients<Series> CtsIn(const std::vector<Series>& all) {
  OfPatients<Series> cts;
  for (const Series& series : all)
    if (series.modality == Modality::kCt) cts[series.info.patient_id].push_back(&series);
  return cts;
}

Pairing CtOf(const Series& pet, const OfPatients<Series>& cts) {
  Pairing best;
  const auto of_patient = cts.find(pet.info.patient_id);
  if (of_patient == cts.end()) return best;
  double best_covered = 0;
  for (const Series* ct : of_patient->second) {
    if (!SameFrame(ct->info.frame_of_reference_uid, pet.info.frame_of_reference_uid)) continue;
    const double covered = Covered(pet.geometry, ct->geometry);
    if (covered > best_covered) {
      best.ct = ct;
      best_covered = covered;
    }
  }
  if (best.ct != nullptr) best.reached = ReachedAlong(pet.geometry, best.ct->geometry);
  return best;
}

std::string NoPairWords(const Series& pet, const Pairing& pair) {
  if (pet.info.frame_of_reference_uid.empty()) return kNoFrame;
  if (pair.ct == nullptr) return kNoCt;
  const auto percent = static_cast<int>(pair.reached * 100);
  return "the CT reaches along " + std::to_string(percent) + " % of the PET's slices; a case needs half of them";
}

// The files that people drew, found by whose they are.
class Drawings {
 public:
  explicit Drawings(const std::vector<DrawnFile>& all) {
    for (const DrawnFile& drawn : all) {
      all_.push_back(&drawn);
      of_patients_[drawn.source.patient_id].push_back(&drawn);
    }
  }
  bool Has(const PatientText& patient) const { return of_patients_.contains(patient); }

  // Those that may be of a patient, in the order of the scan: his own and nobody's; all for a PET that is nobody's.
  std::vector<const DrawnFile*> MaybeOf(const PatientText& patient) const {
    if (patient.empty()) return all_;
    const auto of = [&](const PatientText& id) {
      const auto found = of_patients_.find(id);
      return found == of_patients_.end() ? std::vector<const DrawnFile*>() : found->second;
    };
    const std::vector<const DrawnFile*> own = of(patient), nobodys = of(PatientText());
    std::vector<const DrawnFile*> both;
    std::merge(own.begin(), own.end(), nobodys.begin(), nobodys.end(), std::back_inserter(both), std::less<>());
    return both;
  }

 private:
  std::vector<const DrawnFile*> all_;
  OfPatients<DrawnFile> of_patients_;
};

// Several files may serve one case: the liver may be drawn on the PET, the tumour on the CT.
void AddContours(PatientCase& patient, const Drawings& drawings, const std::vector<LabelQuery>& labels) {
  const PatientText& id = patient.pet.info.patient_id;
  const std::vector<const DrawnFile*> files = drawings.MaybeOf(id);
  for (const LabelQuery& label : labels) {
    const bool first = &label == &labels.front();
    const DrawnFile* best = BestDrawn(files, patient.pet, label);
    if (best == nullptr && first) {
      NoneDrawn none = drawings.Has(id) ? WhyNoneDrawn(files, patient.pet, label)
                                        : NoneDrawn{"no contour (RTSTRUCT) of this patient", {}};
      patient.no_contour = std::move(none.words);
      patient.names_there = std::move(none.names);
    }
    if (best == nullptr) continue;
    if (first) {
      patient.contour = best->file;
    } else if (best->file != patient.contour && !std::ranges::count(patient.other_contours, best->file)) {
      patient.other_contours.push_back(best->file);
    }
  }
}

// A contour that cannot be read, and whose it is where its header says so.
RejectedSeries BadContour(const fs::path& file, const std::string& words) {
  RejectedSeries bad;
  bad.place = file;
  bad.fault = {QuarantineReason::kLabel, words};
  try {
    const DicomFile header = OpenDicom(file, ReadPart::kHeader);
    bad.patient_id = PatientText(LocalTextOf(DataSet(*header), DataSet(*header), tag::kPatientId));
    bad.study_uid = PatientText(TextOf(DataSet(*header), tag::kStudyUid));
  } catch (const std::exception&) {
    return bad;  // it changed since it was scanned: nobody can say whose it is
  }
  return bad;
}

// Those of the scan that can be read; the others are rejected. RTSTRUCTs come before SEGs: of equals the first is
// taken.
std::vector<DrawnFile> ReadDrawn(SeriesScan& scan, CaseScan& out) {
  std::vector<DrawnFile> all;
  const auto add = [&](std::vector<fs::path>& files, auto read) {
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      try {
        if (std::optional<DrawnFile> drawn = read(file)) all.push_back(std::move(*drawn));
      } catch (const std::exception& failure) {
        out.rejected.push_back(BadContour(file, AsError(failure).what()));
      }
    }
  };
  add(scan.structure_sets, ReadDrawnRtStruct);
  add(scan.segmentations, ReadDrawnSeg);
  return all;
}

// Why a study without a case and without a faulty series is none. `found`: modalities of its usable series.
Fault NoCaseWords(const StudySeen& study, const std::set<Modality>& found, bool left_out) {
  const bool ct = found.contains(Modality::kCt), mr = found.contains(Modality::kMr);
  if (ct && mr) return {QuarantineReason::kNoPair, "CT and MR without a PET: a case needs PET and CT"};
  if (ct) return {QuarantineReason::kNoPair, "CT without a PET of the same patient and frame of reference"};
  if (mr) return {QuarantineReason::kNoPair, "MR alone: a case needs PET and CT"};
  if (left_out) return {QuarantineReason::kNoImages, "only localisers, derived images or screenshots: no volume"};
  // Its images are there, and the series they are of is told of under the first patient that it names.
  if (std::ranges::any_of(study.modalities, [](const std::string& m) { return m == "PT" || m == "CT" || m == "MR"; })) {
    return {QuarantineReason::kUnevenSlices,
            "its images are of series that hold those of another patient or study too: whose they are cannot be told"};
  }
  std::string kinds;
  for (const std::string& modality : study.modalities) kinds += (kinds.empty() ? "" : ", ") + modality;
  return {QuarantineReason::kNoImages, "no PET, CT or MR images" + (kinds.empty() ? "" : ", only " + kinds)};
}

// Every study ends as used or with a reason: here are those of which nothing else says it.
void AddSilentStudies(const std::vector<Series>& usable, const std::vector<DrawnFile>& drawn, CaseScan& out) {
  using Study = std::pair<PatientText, PatientText>;
  std::set<Study> told, has_left_out;
  std::set<fs::path> in_use;  // contours of cases
  std::map<Study, std::set<Modality>> found;
  for (const PatientCase& one : out.cases) {
    told.insert({one.pet.info.patient_id, one.pet.info.study_uid});
    told.insert({one.ct.info.patient_id, one.ct.info.study_uid});
    if (one.contour) in_use.insert(*one.contour);
    in_use.insert(one.other_contours.begin(), one.other_contours.end());
  }
  for (const DrawnFile& file : drawn)
    if (in_use.contains(file.file)) told.insert({file.source.patient_id, file.source.study_uid});
  for (const RejectedSeries& bad : out.rejected) told.insert({bad.patient_id, bad.study_uid});
  for (const RejectedSeries& harmless : out.left_out) has_left_out.insert({harmless.patient_id, harmless.study_uid});
  for (const Series& series : usable) found[{series.info.patient_id, series.info.study_uid}].insert(series.modality);
  for (const StudySeen& study : out.studies) {
    const Study key{study.patient_id, study.study_uid};
    if (told.contains(key)) continue;
    out.rejected.push_back(
        {study.place, NoCaseWords(study, found[key], has_left_out.contains(key)), study.patient_id, study.study_uid});
  }
}

}  // namespace

CaseScan FindCases(const fs::path& folder, const FindOptions& options) {
  SeriesScan scan = ScanFolder(folder, options.scan);
  CaseScan out;
  out.rejected = std::move(scan.rejected);
  out.left_out = std::move(scan.left_out);
  out.studies = std::move(scan.studies);
  const std::vector<DrawnFile> drawn = ReadDrawn(scan, out);
  const Drawings drawings(drawn);
  const OfPatients<Series> cts = CtsIn(scan.usable);
  for (const Series& pet : scan.usable) {
    if (pet.modality != Modality::kPet) continue;
    const Pairing pair = CtOf(pet, cts);
    if (pair.reached < kReach) {
      RejectedSeries alone;
      alone.place = pet.slices.front().file.parent_path();
      alone.fault = {QuarantineReason::kNoPair, NoPairWords(pet, pair)};
      alone.patient_id = pet.info.patient_id;
      alone.study_uid = pet.info.study_uid;
      out.rejected.push_back(std::move(alone));
      continue;
    }
    PatientCase found;
    found.pet = pet;
    found.ct = *pair.ct;
    AddContours(found, drawings, options.labels);
    out.cases.push_back(std::move(found));
  }
  AddSilentStudies(scan.usable, drawn, out);
  return out;
}

}  // namespace consilium
