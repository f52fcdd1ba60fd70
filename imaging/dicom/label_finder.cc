// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/label_finder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/readable.h"
#include "core/data/coded_concept.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_reader.h"

namespace consilium {
namespace {

constexpr std::size_t kMostNames = 10;
constexpr std::size_t kLongestName = 64;  // bytes; a LO has no more

bool IsMeant(const DrawnRegion& region, const LabelQuery& label) {
  return region.code == label.code || MatchesPattern(region.name.Reveal(), label.patterns);
}

// Whether a file lies on a PET: more must agree than the patient.
bool LiesOn(const DrawnFile& drawn, const Series& pet) {
  return Misfit(drawn.source, pet).empty() &&
         (RefersTo(drawn.source, pet) || !drawn.source.frames_of_reference.empty());
}

// How well a file fits a PET; 0 if it does not.
int Fitness(const DrawnFile& drawn, const Series& pet, const LabelQuery& label) {
  bool meant = false, filled = false, says_pet = false;
  for (const DrawnRegion& region : drawn.regions) {
    if (!IsMeant(region, label)) continue;
    meant = true;
    filled = filled || !region.empty;
    says_pet = says_pet || MatchesPattern(region.name.Reveal(), "*PET*,*PT*");
  }
  if (!meant || !LiesOn(drawn, pet)) return 0;
  return 1 + (filled ? 4 : 0) + (RefersTo(drawn.source, pet) ? 2 : 0) + (says_pet ? 1 : 0);
}

PatientText NamesOf(const std::vector<const DrawnFile*>& files) {
  std::string names;
  std::set<std::string> told;
  for (const DrawnFile* file : files) {
    for (const DrawnRegion& region : file->regions) {
      const std::string name = Readable(region.name.Reveal().substr(0, kLongestName));
      if (name.empty() || !told.insert(name).second) continue;
      if (told.size() > kMostNames) return PatientText(names + ", ...");
      names += (names.empty() ? "" : ", ") + name;
    }
  }
  return PatientText(std::move(names));
}

}  // namespace

DrawnFile ReadDrawnRtStruct(const std::filesystem::path& file) {
  const RtStruct structures = ReadRtStruct(file);
  DrawnFile drawn{file, structures.source, {}};
  for (const Roi& roi : structures.rois) drawn.regions.push_back({PatientText(roi.name), {}, roi.contours.empty()});
  return drawn;
}

std::optional<DrawnFile> ReadDrawnSeg(const std::filesystem::path& file) {
  const SegInfo info = ReadSegInfo(file);
  DrawnFile drawn{file, info.source, {}};
  for (const Segment& segment : info.segments) {
    if (segment.origin != SegmentOrigin::kAutomatic)
      drawn.regions.push_back({PatientText(segment.label), segment.type, false});
  }
  return drawn.regions.empty() ? std::nullopt : std::optional(std::move(drawn));
}

const DrawnFile* BestDrawn(std::span<const DrawnFile* const> files, const Series& pet, const LabelQuery& label) {
  const DrawnFile* best = nullptr;
  int best_fitness = 0;
  for (const DrawnFile* drawn : files) {
    const int fitness = Fitness(*drawn, pet, label);
    if (fitness <= best_fitness) continue;
    best_fitness = fitness;
    best = drawn;
  }
  return best;
}

NoneDrawn WhyNoneDrawn(std::span<const DrawnFile* const> files, const Series& pet, const LabelQuery& label) {
  std::vector<const DrawnFile*> here;
  std::string elsewhere;  // why a region of the right name does not lie on this PET
  for (const DrawnFile* drawn : files) {
    if (LiesOn(*drawn, pet)) {
      here.push_back(drawn);
    } else if (std::ranges::any_of(drawn->regions, [&](const DrawnRegion& r) { return IsMeant(r, label); })) {
      elsewhere = Misfit(drawn->source, pet);
      if (elsewhere.empty()) elsewhere = "it names no frame of reference and does not refer to the PET";
    }
  }
  if (!elsewhere.empty())
    return {"the contour named like " + label.patterns + " does not fit the PET: " + elsewhere, {}};
  if (here.empty()) {
    return {"no contour named like " + label.patterns + ", and none at all in the frame of reference of the PET",
            NamesOf({files.begin(), files.end()})};
  }
  PatientText names = NamesOf(here);
  if (names.empty()) return {"nothing is drawn: the contour file of the PET holds no region", {}};
  return {"no contour named like " + label.patterns + " among those of the PET", std::move(names)};
}

}  // namespace consilium
