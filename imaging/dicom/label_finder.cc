// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/label_finder.h"

#include <algorithm>

#include "core/data/coded_concept.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_reader.h"

namespace consilium {
namespace {

// How well a file fits a PET; 0 if it does not.
int Fitness(const DrawnFile& drawn, const Series& pet) {
  if (drawn.names.empty() || !Misfit(drawn.source, pet).empty()) return 0;
  const bool to_pet = RefersTo(drawn.source, pet);
  if (!to_pet && drawn.source.frames_of_reference.empty()) return 0;  // nothing but the patient agrees
  const bool says_pet = std::any_of(drawn.names.begin(), drawn.names.end(),
                                    [](const std::string& name) { return MatchesPattern(name, "*PET*,*PT*"); });
  return 1 + 2 * (to_pet ? 1 : 0) + (says_pet ? 1 : 0);
}

}  // namespace

DrawnFile ReadDrawnRtStruct(const std::filesystem::path& file, const std::string& pattern) {
  const RtStruct structures = ReadRtStruct(file);
  DrawnFile drawn{file, structures.source, {}};
  for (const Roi* roi : MatchingRois(structures, pattern)) drawn.names.push_back(roi->name);
  return drawn;
}

std::optional<DrawnFile> ReadDrawnSeg(const std::filesystem::path& file, const std::string& pattern) {
  const SegInfo info = ReadSegInfo(file);
  DrawnFile drawn{file, info.source, {}};
  bool by_a_person = false;
  for (const Segment& segment : info.segments) {
    if (segment.origin == SegmentOrigin::kAutomatic) continue;
    by_a_person = true;
    if (segment.type == kNeoplasm || MatchesPattern(segment.label, pattern)) drawn.names.push_back(segment.label);
  }
  return by_a_person ? std::optional(std::move(drawn)) : std::nullopt;
}

const DrawnFile* BestDrawn(std::span<const DrawnFile* const> files, const Series& pet) {
  const DrawnFile* best = nullptr;
  int best_fitness = 0;
  for (const DrawnFile* drawn : files) {
    const int fitness = Fitness(*drawn, pet);
    if (fitness <= best_fitness) continue;
    best_fitness = fitness;
    best = drawn;
  }
  return best;
}

}  // namespace consilium
