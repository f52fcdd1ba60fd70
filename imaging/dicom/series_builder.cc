// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "imaging/dicom/acquisitions.h"
#include "imaging/dicom/gantry_tilt.h"
#include "imaging/dicom/slice_header.h"
#include "imaging/dicom/slice_stack.h"
#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

std::string Degrees(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f degrees", value);
  return text.data();
}

// "2 images left out: a localiser", at the file itself if it is one.
SeriesFault LeftOut(const Slices& images, const std::string& what) {
  const fs::path& first = images.front()->slice.file;
  SeriesFault out;
  out.place = images.size() == 1 ? first : first.parent_path();
  out.fault.reason = QuarantineReason::kNotAVolume;
  out.fault.words = (images.size() == 1 ? "1 image" : std::to_string(images.size()) + " images") + " left out: " + what;
  return out;
}

// Takes the images out that belong to no volume though nothing is wrong with them.
std::vector<SeriesFault> TakeOutHarmless(std::vector<SliceHeader>& headers) {
  std::map<std::string, Slices> kinds;
  for (const SliceHeader& h : headers)
    if (!h.harmless.empty()) kinds[h.harmless].push_back(&h);
  std::vector<SeriesFault> left_out;
  for (const auto& [words, images] : kinds) left_out.push_back(LeftOut(images, words));
  std::erase_if(headers, [](const SliceHeader& h) { return !h.harmless.empty(); });
  return left_out;
}

// The first slice with a fault, and how many there are.
Fault FaultsOfSlices(const std::vector<SliceHeader>& headers, std::filesystem::path& place) {
  std::size_t count = 0;
  const SliceHeader* first = nullptr;
  for (const SliceHeader& h : headers) {
    if (h.fault.words.empty()) continue;
    if (first == nullptr) first = &h;
    ++count;
  }
  if (first == nullptr) return {};
  if (count == 1) place = first->slice.file;
  Fault fault = first->fault;
  if (headers.size() > 1) {
    fault.words = std::to_string(count) + " of " + std::to_string(headers.size()) + " slices: " + fault.words;
  }
  return fault;
}

// What no tag can tell apart within one series.
std::string Mixture(const std::vector<SliceHeader>& headers) {
  const SliceHeader& first = headers.front();
  for (const SliceHeader& h : headers) {
    if (h.modality != first.modality) return "mixed modalities in one series";
    if (h.info.patient_id != first.info.patient_id) return "slices of different patients in one series";
    if (h.pet.units != first.pet.units) return "slices of different units (0054,1001)";
  }
  return {};
}

// One SOP Instance UID means one image.
std::string Clashes(const std::vector<SliceHeader>& headers) {
  std::map<PatientText, const SliceHeader*> seen;
  std::int64_t clashes = 0;
  for (const SliceHeader& h : headers) {
    const auto [known, is_new] = seen.insert({h.slice.sop_instance_uid, &h});
    if (!is_new && !IsCopy(*known->second, h, SamePixelBytes)) ++clashes;
  }
  if (clashes == 0) return {};
  return "duplicate: " + std::to_string(clashes) + " images are there twice, with different content";
}

// PET numbers become SUV: the times of the slice acquired first hold for the whole series, Philips' factors for a
// slice.
std::string ScaleToSuv(std::vector<SliceHeader>& headers) {
  const auto started = [](const SliceHeader& h) {
    return SecondsOf(h.pet.acquisition_date, h.pet.acquisition_time).value_or(1e18);
  };
  const auto first = std::min_element(headers.begin(), headers.end(), [&](const SliceHeader& a, const SliceHeader& b) {
    return started(a) < started(b);
  });
  PetFacts facts = first->pet;
  for (SliceHeader& h : headers) {
    facts.philips_suv_factor = h.pet.philips_suv_factor;
    facts.philips_bq_factor = h.pet.philips_bq_factor;
    const SuvFactor suv = SuvBodyWeightFactor(facts);
    if (!suv.fault.empty()) return suv.fault;
    h.slice.slope *= suv.factor;
    h.slice.intercept *= suv.factor;
  }
  return {};
}

// A leaning stack by a tilted gantry gets an upright grid.
Fault SetUpright(const SliceStack& stack, Series& series) {
  constexpr double kMostDegrees = 45, kMostShift = 16384;  // voxels
  Geometry& g = series.geometry;
  const double lean = LeanDegrees(g);
  if (!IsTilted(lean, stack.slices.front()->tilt_degrees)) return {};
  if (lean > kMostDegrees) {
    return {QuarantineReason::kUnevenSlices, "slices that lean by " + Degrees(lean) + ": no gantry tilts so far"};
  }
  const double length = static_cast<double>(g.size.z) * g.spacing_mm.z;
  const bool far = length / std::min(g.spacing_mm.x, g.spacing_mm.y) > kMostShift;
  const Geometry upright = far ? g : UprightGrid(g);
  if (far || upright.size.count() > kMostVoxels) {
    return {QuarantineReason::kNotAVolume, "gantry tilt of " + Degrees(lean) + ": more voxels than any scanner makes"};
  }
  series.tilted = StoredSize{g.size.x, g.size.y};
  g = upright;
  series.notes.push_back("gantry tilt of " + Degrees(lean) + " resampled");
  return {};
}

Series MakeSeries(const SliceStack& stack) {
  const SliceHeader& first = *stack.slices.front();
  Series series;
  series.info = first.info;
  series.modality = first.modality;
  series.format = first.format;
  series.geometry = stack.geometry;
  for (const SliceHeader* h : stack.slices) series.slices.push_back(h->slice);
  if (stack.missing() > 0) {
    series.notes.push_back(std::to_string(stack.slices.size()) + " of the " + std::to_string(stack.told) +
                           " slices that " + TagWords(tag::kNumberOfSlices) + " names: the ends are missing");
  }
  if (stack.copies == 1) series.notes.push_back("1 copy of a slice left out");
  if (stack.copies > 1) series.notes.push_back(std::to_string(stack.copies) + " copies of slices left out");
  return series;
}

// The volumes of slices without a fault.
void AddVolumes(const std::vector<SliceHeader>& headers, const std::string& no_suv, BuiltSeries& out) {
  const auto reject = [&](Fault fault) {
    out.volumes.clear();
    out.rejected = SeriesFault{headers.front().slice.file.parent_path(), std::move(fault)};
  };
  Slices all;
  for (const SliceHeader& h : headers) all.push_back(&h);
  const Acquisitions found = FindAcquisitions(all, SamePixelBytes);
  if (!found.stacks.front().is_volume()) return reject(found.stacks.front().fault);
  if (!no_suv.empty()) return reject({QuarantineReason::kNoSuv, no_suv});
  if (!found.strays.empty()) out.left_out.push_back(LeftOut(found.strays, "across the others, a localiser"));
  out.complete = true;
  for (const SliceStack& stack : found.stacks) {
    Series series = MakeSeries(stack);
    if (Fault fault = SetUpright(stack, series); !fault.words.empty()) return reject(std::move(fault));
    series.is_part = found.stacks.size() > 1;
    if (series.is_part) {
      series.notes.push_back("volume " + std::to_string(out.volumes.size() + 1) + " of " +
                             std::to_string(found.stacks.size()) + " in its series, told apart by " +
                             found.told_apart_by);
    }
    out.complete = out.complete && std::ssize(stack.slices) == stack.told;
    out.volumes.push_back(std::move(series));
  }
}

}  // namespace

BuiltSeries BuildSeries(std::vector<SliceHeader> headers) {
  BuiltSeries out;
  out.left_out = TakeOutHarmless(headers);
  if (headers.empty()) return out;
  SeriesFault bad;
  bad.place = headers.front().slice.file.parent_path();
  bad.fault = FaultsOfSlices(headers, bad.place);
  const auto refused = [&](QuarantineReason reason, std::string words) {
    bad.fault = {reason, std::move(words)};
    return !bad.fault.words.empty();
  };
  if (!bad.fault.words.empty() || refused(QuarantineReason::kUnevenSlices, Mixture(headers)) ||
      refused(QuarantineReason::kDuplicateSlices, Clashes(headers))) {
    out.rejected = std::move(bad);
    return out;
  }
  AddVolumes(headers, headers.front().modality == Modality::kPet ? ScaleToSuv(headers) : std::string(), out);
  return out;
}

}  // namespace consilium
