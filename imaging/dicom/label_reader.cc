// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/label_reader.h"

#include <algorithm>
#include <set>
#include <vector>

#include "core/base/error.h"
#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/dicom/slice_header.h"
#include "imaging/prepare/nifti.h"

namespace consilium {
namespace {

std::string WordsOf(const std::vector<Segment>& segments) {
  std::string words;
  for (const Segment& segment : segments) {
    words += (words.empty() ? "" : ", ") + segment.label;
    if (!segment.type.value.empty()) words += " (" + segment.type.Text() + ")";
  }
  return words.empty() ? "none" : words;
}

// The segments asked for, whoever drew them: by code, else by label.
std::vector<Segment> Matching(const std::vector<Segment>& segments, const LabelQuery& query) {
  std::vector<Segment> out;
  const auto take = [&](auto fits) { std::copy_if(segments.begin(), segments.end(), std::back_inserter(out), fits); };
  take([&](const Segment& segment) { return segment.type == query.code; });
  if (out.empty()) take([&](const Segment& segment) { return MatchesPattern(segment.label, query.patterns); });
  return out;
}

LabelMap FromSeg(const std::filesystem::path& file, const Series& series, const LabelQuery& query) {
  const std::vector<Segment> all = ReadSegInfo(file).segments;
  std::vector<Segment> chosen = Matching(all, query);
  if (chosen.empty()) {
    throw Error(ErrorCode::kNotFound,
                "no segment coded " + query.code.Text() + " or named like " + query.patterns + " in " + file.string() +
                    "; there are: " + WordsOf(all),
                "If one of them is meant, add its label to the patterns (`contours` or `labels` in site.toml).");
  }
  if (!query.accept_automatic) {
    const std::string algorithm = chosen.front().algorithm;
    std::erase_if(chosen, [](const Segment& segment) { return segment.origin == SegmentOrigin::kAutomatic; });
    if (chosen.empty()) {
      throw Error(ErrorCode::kFailedPrecondition,
                  "the segments in " + file.string() + " were drawn by a program (" +
                      (algorithm.empty() ? "it does not say which" : algorithm) + "), not by a person",
                  "Let a person check and correct them and store them as manual or semi-automatic.");
    }
  }
  std::vector<int> numbers;
  for (const Segment& segment : chosen) numbers.push_back(segment.number);
  return ReadSegments(file, series, numbers);
}

std::string ListOf(const std::set<int>& values) {
  constexpr std::size_t kMost = 10;
  std::string words;
  std::size_t n = 0;
  for (const int value : values) {
    if (n++ == kMost) return words + ", ...";
    words += (words.empty() ? "" : ", ") + std::to_string(value);
  }
  return words;
}

LabelMap FromNifti(const std::filesystem::path& file, const Series& series, const LabelQuery& query) {
  const int label = query.nifti_value.value_or(1);
  Require(label >= 1 && label <= 255, "the value of a label in a NIfTI file must lie between 1 and 255");
  LabelMap map = ReadNiftiLabelMap(file, series.geometry);
  const std::set<int> values(map.voxels.begin(), map.voxels.end());
  std::set<int> others = values;
  others.erase(0);
  others.erase(label);
  // Background alone says that there is no tumour. Other values alone say nothing of this label.
  const bool clear = query.nifti_value ? values.contains(label) || others.empty() : others.empty();
  Require(clear,
          query.nifti_value ? "no voxel of " + file.string() + " has the value " + std::to_string(label) +
                                  "; there are: " + ListOf(values)
                            : file.string() + " holds more than 0 and 1; there are: " + ListOf(values),
          "Say which of its values is the label.");
  for (std::uint8_t& voxel : map.voxels) voxel = voxel == label ? 1 : 0;
  return map;
}

bool IsNiftiName(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".nii") || name.ends_with(".nii.gz");
}

}  // namespace

std::string_view Name(LabelKind kind) {
  switch (kind) {
    case LabelKind::kRtStruct: return "RTSTRUCT";
    case LabelKind::kSeg: return "SEG";
    case LabelKind::kNifti: return "NIfTI";
  }
  Ensure(false, "unknown kind of label");
  return {};
}

LabelKind KindOfLabel(const std::filesystem::path& file) {
  if (IsNiftiName(file)) return LabelKind::kNifti;
  const DicomFile parsed = OpenDicom(file, ReadPart::kHeader);
  const FileKind kind = KindOf(TextOf(DataSet(*parsed), tag::kSopClassUid));
  if (kind == FileKind::kStructureSet) return LabelKind::kRtStruct;
  Require(kind == FileKind::kSegmentation, file.string() + " holds no label",
          "Give an RTSTRUCT, a DICOM SEG or a NIfTI file (.nii, .nii.gz).");
  return LabelKind::kSeg;
}

LabelMap ReadLabel(const std::filesystem::path& file, const Series& series, const LabelQuery& query) {
  switch (KindOfLabel(file)) {
    case LabelKind::kRtStruct: return ToLabelMap(ReadRtStruct(file), query.patterns, series);
    case LabelKind::kSeg: return FromSeg(file, series, query);
    case LabelKind::kNifti: break;
  }
  return FromNifti(file, series, query);
}

}  // namespace consilium
