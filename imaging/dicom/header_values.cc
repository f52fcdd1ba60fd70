// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/header_values.h"

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "imaging/dicom/character_set.h"
#include "imaging/dicom/dicom_file.h"

namespace consilium {
namespace {

constexpr std::string_view kText = "LO", kShort = "US", kDouble = "FD";

struct Wanted {
  TagNumber tag;
  std::string_view vr = kText;  // in Implicit VR: only whether it is text or which kind of number
};

// In the order of their numbers.
constexpr Wanted kWanted[] = {
    {tag::kCharacterSet},
    {tag::kImageType},
    {tag::kSopClassUid},
    {tag::kSopInstanceUid},
    {tag::kStudyDate},
    {tag::kSeriesDate},
    {tag::kAcquisitionDate},
    {tag::kSeriesTime},
    {tag::kAcquisitionTime},
    {tag::kContentTime},
    {tag::kModality},
    {tag::kManufacturer},
    {tag::kTimeZone},
    {tag::kSeriesDescription},
    {tag::kModelName},
    {tag::kPatientName},
    {tag::kPatientId},
    {tag::kPatientWeight},
    {tag::kSliceThickness},
    {tag::kKvp},
    {tag::kEchoTime},
    {tag::kEchoNumbers},
    {tag::kTriggerTime},
    {tag::kStartTime},
    {tag::kTotalDose},
    {tag::kHalfLife},
    {tag::kStartDateTime},
    {tag::kGantryTilt},
    {tag::kKernel},
    {tag::kFrameDuration},
    {tag::kDiffusionBValue, kDouble},
    {tag::kStudyUid},
    {tag::kSeriesUid},
    {tag::kAcquisitionNumber},
    {tag::kPosition},
    {tag::kOrientation},
    {tag::kFrameOfReference},
    {tag::kTemporalPosition},
    {tag::kCardiacPhase},
    {tag::kSamplesPerPixel, kShort},
    {tag::kPhotometric},
    {tag::kFrames},
    {tag::kRows, kShort},
    {tag::kColumns, kShort},
    {tag::kPixelSpacing},
    {tag::kCorrectedImage},
    {tag::kBitsAllocated, kShort},
    {tag::kBitsStored, kShort},
    {tag::kHighBit, kShort},
    {tag::kPixelRepresentation, kShort},
    {tag::kIntercept},
    {tag::kSlope},
    {tag::kNumberOfSlices, kShort},
    {tag::kUnits},
    {tag::kSuvType},
    {tag::kDecayCorrection},
    {tag::kFrameReferenceTime},
};
static_assert(std::is_sorted(std::begin(kWanted), std::end(kWanted),
                             [](const Wanted& a, const Wanted& b) { return a.tag < b.tag; }));

constexpr std::array<std::uint16_t, 3> kPrivateGroups = {0x0009, 0x0071, 0x7053};  // of PET scanners: slice_header.cc
constexpr std::size_t kMostPrivate = 1024;

constexpr std::array<std::string_view, 18> kTextVrs = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT",
                                                       "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT", "UN"};
constexpr std::array<std::string_view, 6> kNumberVrs = {"US", "SS", "UL", "SL", "FL", "FD"};

const Wanted* FindWanted(TagNumber tag) {
  const auto at = std::lower_bound(std::begin(kWanted), std::end(kWanted), tag,
                                   [](const Wanted& wanted, TagNumber number) { return wanted.tag < number; });
  return at != std::end(kWanted) && at->tag == tag ? &*at : nullptr;
}

// Names and numbers that people give: what SpecificCharacterSet (0008,0005) is for.
bool IsLocal(TagNumber tag) {
  return tag == tag::kPatientId || tag == tag::kPatientName || tag == tag::kSeriesDescription ||
         tag == tag::kManufacturer || tag == tag::kModelName;
}

bool IsPrivate(TagNumber tag) {
  return std::find(kPrivateGroups.begin(), kPrivateGroups.end(), tag >> 16) != kPrivateGroups.end();
}

bool IsNumberVr(std::string_view vr) { return std::find(kNumberVrs.begin(), kNumberVrs.end(), vr) != kNumberVrs.end(); }

// The constant that equals `vr`. What is neither text nor a number (a sequence in the place of one) is empty.
std::string_view Constant(std::string_view vr) {
  for (const auto known : kTextVrs) {
    if (known == vr) return known;
  }
  for (const auto known : kNumberVrs) {
    if (known == vr) return known;
  }
  return vr == "OB" || vr == "OW" ? "UN" : std::string_view();
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

std::uint64_t Bits(std::string_view bytes, bool big_endian) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t at = big_endian ? i : bytes.size() - 1 - i;
    bits = bits << 8 | static_cast<unsigned char>(bytes[at]);
  }
  return bits;
}

double Decoded(std::string_view bytes, std::string_view vr, bool big_endian) {
  const std::uint64_t bits = Bits(bytes, big_endian);
  if (vr == "SS") return static_cast<std::int16_t>(bits);
  if (vr == "SL") return static_cast<std::int32_t>(bits);
  if (vr == "FL") return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  if (vr == "FD") return std::bit_cast<double>(bits);
  return static_cast<double>(bits);  // US, UL
}

std::size_t SizeOf(std::string_view vr) {
  if (vr == "FD") return 8;
  return vr == "US" || vr == "SS" ? 2 : 4;
}

}  // namespace

bool HeaderValues::Wants(TagNumber tag) { return FindWanted(tag) != nullptr || IsPrivate(tag); }

void HeaderValues::Add(TagNumber tag, std::string_view vr, bool big_endian, std::string_view bytes) {
  const Wanted* wanted = FindWanted(tag);
  if (wanted == nullptr && (!IsPrivate(tag) || private_values_ == kMostPrivate)) return;
  if (bytes.size() > kLongest || Find(tag) != nullptr) return;
  private_values_ += wanted == nullptr;
  if (vr.empty() || vr == "UN") vr = wanted == nullptr ? kText : wanted->vr;
  values_.push_back({tag, Constant(vr), big_endian, bytes_.size(), bytes.size()});
  bytes_ += bytes;
}

const HeaderValues::Value* HeaderValues::Find(TagNumber tag) const {
  const auto at = std::find_if(values_.begin(), values_.end(), [&](const Value& value) { return value.tag == tag; });
  return at == values_.end() ? nullptr : &*at;
}

std::string HeaderValues::Text(TagNumber tag) const {
  if (!Wants(tag)) throw std::logic_error("kWanted lacks a tag that is asked for");
  const Value* value = Find(tag);
  if (value == nullptr || value->vr.empty() || IsNumberVr(value->vr)) return {};
  const std::string_view text = Trimmed(BytesOf(*value));
  return IsLocal(tag) ? ToUtf8(text, Text(tag::kCharacterSet)) : std::string(text);
}

std::vector<double> HeaderValues::NumbersOf(const Value& value) const {
  const std::string_view bytes = BytesOf(value);
  if (!IsNumberVr(value.vr)) return value.vr.empty() ? std::vector<double>() : ParseNumbers(Trimmed(bytes));
  const std::size_t size = SizeOf(value.vr);
  std::vector<double> out;
  for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
    out.push_back(Decoded(bytes.substr(at, size), value.vr, value.big_endian));
    if (!std::isfinite(out.back())) return {};
  }
  return out;
}

std::vector<double> HeaderValues::Numbers(TagNumber tag) const {
  if (!Wants(tag)) throw std::logic_error("kWanted lacks a tag that is asked for");
  const Value* value = Find(tag);
  return value == nullptr ? std::vector<double>() : NumbersOf(*value);
}

std::optional<double> HeaderValues::Number(TagNumber tag) const {
  const std::vector<double> numbers = Numbers(tag);
  return numbers.empty() ? std::nullopt : std::optional(numbers.front());
}

std::string HeaderValues::Text(const PrivateTag& tag) const {
  std::bitset<256> blocks;  // those of the creator
  const auto text_of = [&](const Value& value) {
    if (IsNumberVr(value.vr)) {
      const std::vector<double> numbers = NumbersOf(value);
      if (numbers.empty()) return std::string();
      std::array<char, 32> text{};
      const auto end = std::to_chars(text.data(), text.data() + text.size(), numbers.front()).ptr;
      return std::string(text.data(), end);
    }
    std::string_view text = Trimmed(BytesOf(value));
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return std::string(text);
  };
  // Elements are in order of their tags, so a block is known before what lies in it.
  for (const Value& value : values_) {
    if (value.tag >> 16 != tag.group) continue;
    const std::uint32_t number = value.tag & 0xFFFF;
    if (number >= 0x10 && number <= 0xFF) {
      blocks[number] = text_of(value) == tag.creator;
    } else if (number >= 0x1000 && blocks[number >> 8] && (number & 0xFF) == tag.element) {
      if (std::string text = text_of(value); !text.empty()) return text;
    }
  }
  return {};
}

std::optional<double> HeaderValues::Number(const PrivateTag& tag) const {
  const std::vector<double> numbers = ParseNumbers(Text(tag));
  return numbers.size() == 1 ? std::optional(numbers.front()) : std::nullopt;
}

}  // namespace consilium
