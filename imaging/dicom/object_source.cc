// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/object_source.h"

#include <algorithm>

#include "core/base/error.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

void Add(DcmItem& item, TagNumber tag, std::vector<PatientText>& to) {
  PatientText text(TextOf(item, tag));
  if (!text.empty() && std::find(to.begin(), to.end(), text) == to.end()) to.push_back(std::move(text));
}

void AddSeries(DcmItem& series, TagNumber images, ObjectSource& out) {
  Add(series, tag::kSeriesUid, out.series_uids);
  for (DcmItem* image : ItemsOf(series, images)) {
    PatientText uid(TextOf(*image, tag::kReferencedSopInstance));
    if (!uid.empty()) out.sop_instance_uids.push_back(std::move(uid));
  }
}

bool Holds(const std::vector<PatientText>& all, const PatientText& one) {
  return !one.empty() && std::find(all.begin(), all.end(), one) != all.end();
}

// Leading spaces of an identifier mean nothing (PS3.5 6.2, LO); trailing ones are gone already.
bool SamePatient(const PatientText& a, const PatientText& b) {
  const auto start = [](const std::string& text) { return std::min(text.find_first_not_of(' '), text.size()); };
  return a.Reveal().substr(start(a.Reveal())) == b.Reveal().substr(start(b.Reveal()));
}

}  // namespace

ObjectSource ReadObjectSource(DcmItem& dataset) {
  ObjectSource out;
  out.patient_id = PatientText(LocalTextOf(dataset, dataset, tag::kPatientId));
  out.study_uid = PatientText(TextOf(dataset, tag::kStudyUid));
  Add(dataset, tag::kFrameOfReference, out.frames_of_reference);
  for (DcmItem* series : ItemsOf(dataset, tag::kReferencedSeries)) AddSeries(*series, tag::kReferencedInstances, out);
  for (DcmItem* frame : ItemsOf(dataset, tag::kReferencedFrames)) {
    Add(*frame, tag::kFrameOfReference, out.frames_of_reference);
    for (DcmItem* study : ItemsOf(*frame, tag::kReferencedStudies)) {
      for (DcmItem* series : ItemsOf(*study, tag::kRtReferencedSeries)) AddSeries(*series, tag::kContourImages, out);
    }
  }
  return out;
}

bool RefersTo(const ObjectSource& object, const Series& series) {
  return Holds(object.series_uids, series.info.series_uid) ||
         std::any_of(series.slices.begin(), series.slices.end(),
                     [&](const Slice& slice) { return Holds(object.sop_instance_uids, slice.sop_instance_uid); });
}

std::string Misfit(const ObjectSource& object, const Series& series) {
  const SeriesInfo& info = series.info;
  const bool both_name_patient = !object.patient_id.empty() && !info.patient_id.empty();
  if (both_name_patient && !SamePatient(object.patient_id, info.patient_id))
    return "it belongs to another patient than the images: " + TagWords(tag::kPatientId) + " differs";
  if (!object.frames_of_reference.empty() && !info.frame_of_reference_uid.empty()) {
    if (Holds(object.frames_of_reference, info.frame_of_reference_uid)) return {};
    return "it was drawn in another frame of reference than the images: " + TagWords(tag::kFrameOfReference) +
           " differs";
  }
  if (RefersTo(object, series)) return {};
  if (!object.series_uids.empty() || !object.sop_instance_uids.empty())
    return "it names no frame of reference that the images have, and refers to other images";
  return both_name_patient ? "" : "it says neither whose it is nor on which images it was drawn";
}

void RequireFit(const ObjectSource& object, const Series& series, const std::string& kind,
                const std::filesystem::path& file) {
  const std::string why = Misfit(object, series);
  if (why.empty()) return;
  const std::string place = series.slices.empty() ? "" : " " + series.slices.front().file.parent_path().string();
  throw Error(ErrorCode::kInvalidArgument,
              "cannot put the " + kind + " " + file.string() + " on the series" + place + ": " + why,
              "Give the " + kind + " that was made on these images.");
}

}  // namespace consilium
