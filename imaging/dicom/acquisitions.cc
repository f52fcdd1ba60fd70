// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/acquisitions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>

#include "imaging/dicom/tags.h"

namespace consilium {
namespace {

constexpr std::array kTags = {
    tag::kAcquisitionNumber, tag::kImageType,    tag::kKernel,      tag::kKvp,
    tag::kSliceThickness,    tag::kEchoNumbers,  tag::kEchoTime,    tag::kDiffusionBValue,
    tag::kTemporalPosition,  tag::kCardiacPhase, tag::kTriggerTime, tag::kFrameReferenceTime,
    tag::kAcquisitionTime,   tag::kContentTime,
};
constexpr std::size_t kFirstTime = 8;  // from here on: points in time, which may differ from slice to slice
static_assert(kTags[kFirstTime] == tag::kTemporalPosition);
constexpr int kMostTagsAtOnce = 2;
constexpr std::size_t kMostForms = 64;
constexpr std::size_t kMostRegions =
    4;                           // one after another; more are the rotations of one stack, of which slices are missing
constexpr double kAcross = 0.1;  // radians: less is a scanner's rounding, not a localiser

std::map<std::string, Slices> GroupsBy(std::size_t tag, const Slices& slices) {
  std::map<std::string, Slices> groups;
  for (const SliceHeader* h : slices) groups[h->acquisition[tag]].push_back(h);
  return groups;
}

class Splitter {
 public:
  explicit Splitter(const SamePixels& same_pixels) : same_pixels_(same_pixels) {}

  // The volumes of some slices, or none if they cannot be told apart. `whole` gets the fault of all of them together.
  std::vector<SliceStack> Volumes(const Slices& slices, std::size_t from, int depth, SliceStack& whole) {
    whole = StackSlices(slices);
    if (whole.is_volume()) return {whole};
    const bool overlap = whole.fault.reason == QuarantineReason::kDuplicateSlices;
    if (overlap) {
      if (auto once = WithoutCopies(whole.slices)) {
        const std::int64_t copies = std::ssize(slices) - std::ssize(*once);
        whole = StackSlices(std::move(*once));
        whole.copies = copies;
        if (whole.is_volume()) return {whole};
      }
    } else if (slices.front()->modality == Modality::kPet) {
      return {};
    }
    const std::size_t end = overlap ? kTags.size() : kFirstTime;
    for (std::size_t tag = from; depth > 0 && tag < end; ++tag) {
      std::vector<SliceStack> parts = PartsBy(tag, slices, depth, overlap);
      if (parts.empty()) continue;
      words_ = TagWords(kTags[tag]) + (words_.empty() ? "" : " and " + words_);
      return parts;
    }
    return {};
  }

  const std::string& words() const { return words_; }

 private:
  std::vector<SliceStack> PartsBy(std::size_t tag, const Slices& slices, int depth, bool overlap) {
    const auto groups = GroupsBy(tag, slices);
    const auto single = [](const auto& group) { return group.second.size() < 2; };
    if (!overlap && groups.size() > kMostRegions) return {};
    if (groups.size() < 2 || std::any_of(groups.begin(), groups.end(), single)) return {};
    std::vector<SliceStack> parts;
    for (const auto& [value, group] : groups) {
      SliceStack whole;
      words_.clear();
      std::vector<SliceStack> volumes = Volumes(group, tag + 1, depth - 1, whole);
      const auto incomplete = [](const SliceStack& stack) { return stack.missing() > 0; };
      if (volumes.empty() || std::any_of(volumes.begin(), volumes.end(), incomplete)) return {};
      std::move(volumes.begin(), volumes.end(), std::back_inserter(parts));
    }
    return parts;
  }

  // Each place once, or nothing if there is a place of which the images differ.
  std::optional<Slices> WithoutCopies(const Slices& sorted) const {
    Slices once;
    for (const SliceHeader* h : sorted) {
      if (once.empty() || !SamePlace(*once.back(), *h)) {
        once.push_back(h);
      } else if (!IsCopy(*once.back(), *h, same_pixels_)) {
        return std::nullopt;
      }
    }
    return once;
  }

  const SamePixels& same_pixels_;
  std::string words_;
};

// Groups of one form, largest first; or all in one if there are more forms than a scanner makes.
std::vector<Slices> GroupsOfForm(const Slices& slices) {
  std::vector<Slices> groups;
  for (const SliceHeader* h : slices) {
    const auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Slices& g) { return SameForm(*g.front(), *h); });
    if (group != groups.end()) {
      group->push_back(h);
    } else if (groups.size() < kMostForms) {
      groups.push_back({h});
    } else {
      return {slices};
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Slices& a, const Slices& b) { return a.size() > b.size(); });
  return groups;
}

bool IsAcross(const SliceHeader& a, const SliceHeader& b) {
  return Norm(Cross(Cross(a.row, a.column), Cross(b.row, b.column))) > std::sin(kAcross);
}

}  // namespace

std::span<const TagNumber> AcquisitionTags() { return kTags; }

bool SamePixelBytes(const SliceHeader& a, const SliceHeader& b) {
  const std::uint64_t bytes = a.pixels_end - a.pixels_begin;
  if (bytes != b.pixels_end - b.pixels_begin) return false;
  std::ifstream in_a(a.slice.file, std::ios::binary), in_b(b.slice.file, std::ios::binary);
  in_a.seekg(static_cast<std::streamoff>(a.pixels_begin));
  in_b.seekg(static_cast<std::streamoff>(b.pixels_begin));
  std::vector<char> part_a(1 << 16), part_b(1 << 16);
  for (std::uint64_t at = 0; at < bytes; at += part_a.size()) {
    const auto count = static_cast<std::streamsize>(std::min<std::uint64_t>(part_a.size(), bytes - at));
    if (!in_a.read(part_a.data(), count) || !in_b.read(part_b.data(), count)) return false;
    if (!std::equal(part_a.begin(), part_a.begin() + count, part_b.begin())) return false;
  }
  return true;
}

bool IsCopy(const SliceHeader& a, const SliceHeader& b, const SamePixels& same_pixels) {
  constexpr double kSamePositionMm = 1e-3;
  const bool same_meaning = a.slice.slope == b.slice.slope && a.slice.intercept == b.slice.intercept;
  return same_meaning && SameForm(a, b) && Norm(a.slice.position_mm - b.slice.position_mm) < kSamePositionMm &&
         same_pixels(a, b);
}

Acquisitions FindAcquisitions(const Slices& slices, const SamePixels& same_pixels) {
  Acquisitions out;
  SliceStack all = StackSlices(slices);
  const std::vector<Slices> groups = GroupsOfForm(slices);
  std::vector<std::string> told_apart_by;
  for (const Slices& group : groups) {
    if (group.size() == 1 && groups.size() > 1 && IsAcross(*groups.front().front(), *group.front())) {
      out.strays.push_back(group.front());
      continue;
    }
    Splitter splitter(same_pixels);
    SliceStack whole;
    std::vector<SliceStack> volumes = splitter.Volumes(group, 0, kMostTagsAtOnce, whole);
    if (volumes.empty()) {
      const bool one_form = groups.size() == 1;
      return {{one_form ? std::move(whole) : std::move(all)}, {}, {}};
    }
    if (!splitter.words().empty()) told_apart_by.push_back(splitter.words());
    std::move(volumes.begin(), volumes.end(), std::back_inserter(out.stacks));
  }
  if (groups.size() - out.strays.size() > 1) told_apart_by.insert(told_apart_by.begin(), "orientation and size");
  for (const std::string& words : told_apart_by) out.told_apart_by += (out.told_apart_by.empty() ? "" : ", ") + words;
  return out;
}

}  // namespace consilium
