// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/pre_scan.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "imaging/dicom/byte_source.h"

namespace consilium {
namespace {

constexpr std::uint64_t kLongestUid = 64;
constexpr std::uint32_t kUndefined = 0xFFFFFFFF;
constexpr std::uint32_t kItem = 0xFFFEE000, kItemEnd = 0xFFFEE00D, kSequenceEnd = 0xFFFEE0DD;
constexpr std::uint32_t kTransferSyntax = 0x00020010, kPixelData = 0x7FE00010;

std::string TagName(std::uint32_t tag) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "(%04X,%04X)", tag >> 16, tag & 0xFFFF);
  return text.data();
}

// How elements are written.
struct Writing {
  bool implicit_vr = false, big_endian = false;

  std::uint32_t U16(const unsigned char* p) const {
    return static_cast<std::uint32_t>(big_endian ? p[0] << 8 | p[1] : p[0] | p[1] << 8);
  }
  std::uint32_t U32(const unsigned char* p) const {
    const std::uint32_t first = U16(p), second = U16(p + 2);
    return big_endian ? first << 16 | second : first | second << 16;
  }
  std::uint32_t Tag(const unsigned char* p) const { return U16(p) << 16 | U16(p + 2); }
};
constexpr Writing kMetaWriting{};                        // PS3.10 7.1
constexpr Writing kUnknownWriting{.implicit_vr = true};  // PS3.5 6.2.2: a sequence of unknown VR

struct Element {
  std::uint32_t tag = 0;
  std::string vr;  // empty in implicit VR and for item tags
  std::uint32_t length = 0;
  std::uint64_t value = 0;  // offset of the value
};

// The walk. Nesting is a vector, not the call stack.
class Walk {
 public:
  Walk(ByteSource& source, const PreScanLimits& limits, PreScan& out, FileValues* values)
      : source_(source), limits_(limits), out_(out), values_(values) {}

  // The elements of group 0002; returns where the data set starts.
  std::uint64_t Meta() {
    std::uint64_t at = 132;
    while (at < source_.size() && kMetaWriting.U16(Need(at, 2, "its file header")) == 2) {
      const Element e = ReadElement(at, kMetaWriting);
      if (e.length == kUndefined) throw ScanFault{"undefined length of " + TagName(e.tag)};
      CheckEnd(e, source_.size());
      if (e.tag == kTransferSyntax) out_.transfer_syntax = TextOf(e);
      at = e.value + e.length;
    }
    return at;
  }

  // The data set that starts at `at`, up to the end of its pixels.
  void DataSet(std::uint64_t at, const TransferSyntax& syntax) {
    levels_.push_back({Level::kItems, source_.size(), {syntax.implicit_vr, syntax.big_endian}, 0});
    while (true) {
      while (levels_.size() > 1 && at == levels_.back().end) levels_.pop_back();
      if (levels_.size() == 1 && (out_.has_pixels || at == source_.size())) break;
      at = levels_.back().kind == Level::kItems ? InItem(at) : InSequence(at);
    }
    out_.checked_bytes = at;
    if (!out_.has_pixels) out_.header_bytes = at;
    if (out_.header_bytes > limits_.header_bytes) throw ScanFault{"its header is larger than any scanner writes"};
  }

 private:
  struct Level {
    enum Kind { kItems, kSequence, kFragments } kind;  // kItems: elements follow; the others hold items
    std::uint64_t end;                                 // kOpen for an undefined length
    Writing writing;
    std::uint32_t tag;  // of the sequence
    static constexpr std::uint64_t kOpen = ~std::uint64_t{0};
  };

  const unsigned char* Need(std::uint64_t at, std::uint64_t count, const char* what) {
    if (at > source_.size() || count > source_.size() - at) {
      throw ScanFault{std::string("the file ends inside ") + what + ": it is cut off"};
    }
    return source_.At(at, count);
  }

  std::string TextOf(const Element& e) {
    if (e.length > kLongestUid) throw ScanFault{"a UID of more than 64 characters in " + TagName(e.tag)};
    const auto* p = reinterpret_cast<const char*>(Need(e.value, e.length, "a UID"));
    std::string_view text(p, e.length);
    while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.remove_suffix(1);
    return std::string(text);
  }

  static bool HasLongLength(std::string_view vr) {
    static constexpr std::string_view kLong[] = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ",
                                                 "SV", "UC", "UN", "UR", "UT", "UV"};
    return std::find(std::begin(kLong), std::end(kLong), vr) != std::end(kLong);
  }

  static bool IsVr(std::string_view vr) {
    static constexpr std::string_view kShort[] = {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO",
                                                  "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"};
    return HasLongLength(vr) || std::find(std::begin(kShort), std::end(kShort), vr) != std::end(kShort);
  }

  Element ReadElement(std::uint64_t at, const Writing& w) {
    if (++elements_ > limits_.elements) throw ScanFault{"more elements than any scanner writes"};
    const unsigned char* p = Need(at, 8, "an element header");
    Element e;
    e.tag = w.Tag(p);
    if (w.implicit_vr || (e.tag >> 16) == 0xFFFE) {
      e.length = w.U32(p + 4);
      e.value = at + 8;
      return e;
    }
    e.vr.assign(reinterpret_cast<const char*>(p) + 4, 2);
    if (!IsVr(e.vr)) throw ScanFault{"unknown value representation in " + TagName(e.tag)};
    if (HasLongLength(e.vr)) {
      e.length = w.U32(Need(at, 12, "an element header") + 8);
      e.value = at + 12;
    } else {
      e.length = w.U16(p + 6);
      e.value = at + 8;
    }
    return e;
  }

  void CheckEnd(const Element& e, std::uint64_t end) const {
    if (e.value <= end && e.length <= end - e.value) return;
    if (end < source_.size()) throw ScanFault{TagName(e.tag) + " reaches beyond the end of its sequence"};
    throw ScanFault{"the file ends inside " + TagName(e.tag) + ": it is cut off, or its length is wrong"};
  }

  // The innermost defined end: nothing may reach beyond it.
  std::uint64_t End() const {
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
      if (level->end != Level::kOpen) return level->end;
    }
    return source_.size();
  }

  std::uint64_t Enter(Level::Kind kind, const Element& e, const Writing& writing) {
    if (e.length != kUndefined) CheckEnd(e, End());
    const std::uint32_t sequence = kind == Level::kItems ? levels_.back().tag : e.tag;
    levels_.push_back({kind, e.length == kUndefined ? Level::kOpen : e.value + e.length, writing, sequence});
    // Each nested sequence takes two levels: the sequence and its item.
    if (static_cast<int>(levels_.size() / 2) > limits_.depth) {
      throw ScanFault{"sequences nested deeper than " + std::to_string(limits_.depth)};
    }
    return e.value;
  }

  std::uint64_t InItem(std::uint64_t at) {
    const Level level = levels_.back();
    const Element e = ReadElement(at, level.writing);
    if (e.tag == kItemEnd && level.end == Level::kOpen) {
      levels_.pop_back();
      return e.value;
    }
    if ((e.tag >> 16) == 0xFFFE) throw ScanFault{"an item outside of a sequence"};
    const bool top = levels_.size() == 1;
    if (top && e.tag == kPixelData) return Pixels(at, e);
    if (e.length == kUndefined) {
      if (e.tag == kPixelData) return Enter(Level::kFragments, e, level.writing);
      if (!e.vr.empty() && e.vr != "SQ" && e.vr != "UN") throw ScanFault{"undefined length of " + TagName(e.tag)};
      return Enter(Level::kSequence, e, e.vr == "UN" ? kUnknownWriting : level.writing);
    }
    CheckEnd(e, End());
    if (e.vr == "SQ" || (level.writing.implicit_vr && LooksLikeSequence(e)))
      return Enter(Level::kSequence, e, level.writing);
    if (e.length > limits_.value_bytes) throw ScanFault{TagName(e.tag) + " is larger than any scanner writes"};
    const bool uid = e.tag == tag::kSeriesUid || e.tag == tag::kStudyUid;
    if (top && uid && e.length > kLongestUid) throw ScanFault{"a UID of more than 64 characters in " + TagName(e.tag)};
    Take(e, level);
    return e.value + e.length;
  }

  void Take(const Element& e, const Level& level) {
    if (values_ == nullptr || e.length > HeaderValues::kLongest || !HeaderValues::Wants(e.tag)) return;
    const bool in_drug = levels_.size() == 3 && level.tag == tag::kRadiopharmaceuticals && values_->drugs == 1;
    if (levels_.size() > 1 && !in_drug) return;
    const std::string_view bytes(reinterpret_cast<const char*>(Need(e.value, e.length, "a value")), e.length);
    (in_drug ? values_->drug : values_->top).Add(e.tag, e.vr, level.writing.big_endian, bytes);
  }

  // Implicit VR does not say what is a sequence; DCMTK's dictionary does. Every sequence that DCMTK would descend into
  // starts with an item, so descending wherever an item starts finds at least those.
  bool LooksLikeSequence(const Element& e) {
    if (e.length < 8) return false;
    const unsigned char* p = Need(e.value, 4, "a value");
    return kUnknownWriting.Tag(p) == kItem;
  }

  std::uint64_t Pixels(std::uint64_t at, const Element& e) {
    out_.has_pixels = true;
    out_.header_bytes = at;
    out_.pixels.offset = e.value;
    out_.pixels.words = e.vr == "OW";
    const bool fragments = e.length == kUndefined;
    if (fragments != (out_.pixels.syntax->coding != PixelCoding::kNative))
      throw ScanFault{fragments ? "pixels in fragments, but an uncompressed transfer syntax"
                                : "pixels without fragments, but a compressed transfer syntax"};
    if (fragments) return Enter(Level::kFragments, e, levels_.back().writing);
    CheckEnd(e, source_.size());
    out_.pixels.bytes = e.length;
    return e.value + e.length;
  }

  std::uint64_t InSequence(std::uint64_t at) {
    const Level level = levels_.back();
    const Element e = ReadElement(at, {.implicit_vr = true, .big_endian = level.writing.big_endian});
    if (e.tag == kSequenceEnd && level.end == Level::kOpen) {
      levels_.pop_back();
      return e.value;
    }
    if (e.tag != kItem) throw ScanFault{TagName(e.tag) + " where an item of a sequence should start"};
    if (level.kind == Level::kSequence) {
      const bool drug = levels_.size() == 2 && level.tag == tag::kRadiopharmaceuticals;
      if (drug && values_ != nullptr) ++values_->drugs;
      return Enter(Level::kItems, e, level.writing);
    }
    if (e.length == kUndefined) throw ScanFault{"a pixel fragment without a length"};
    CheckEnd(e, End());
    if (out_.has_pixels && levels_.size() == 2) out_.pixels.bytes += e.length;
    return e.value + e.length;
  }

  ByteSource& source_;
  const PreScanLimits& limits_;
  PreScan& out_;
  FileValues* values_;
  std::vector<Level> levels_;
  std::int64_t elements_ = 0;
};

}  // namespace

PreScan PreScanFile(const OpenFile& file, const PreScanLimits& limits, FileValues* values) {
  PreScan out;
  FileBytes bytes(file);
  try {
    if (file.size() < 132 || std::memcmp(bytes.At(128, 4), "DICM", 4) != 0) return out;
    out.is_dicom = true;
    if (file.size() > limits.file_bytes) throw ScanFault{"it is larger than any scanner writes"};
    Walk walk(bytes, limits, out, values);
    out.pixels.dataset = walk.Meta();
    out.pixels.stamp = file.stamp();
    out.pixels.syntax = FindTransferSyntax(out.transfer_syntax);
    if (out.pixels.syntax == nullptr) throw ScanFault{WhyNotRead(out.transfer_syntax)};
    if (!out.pixels.syntax->deflated) {
      walk.DataSet(out.pixels.dataset, *out.pixels.syntax);
    } else {
      InflatedBytes inflated(file, out.pixels.dataset, limits.inflated_bytes);
      Walk(inflated, limits, out, values).DataSet(0, *out.pixels.syntax);
    }
  } catch (const ScanFault& fault) {
    out.fault = fault.words;
  }
  return out;
}

PreScan PreScanFile(const std::filesystem::path& file, const PreScanLimits& limits) {
  return PreScanFile(OpenFile(file), limits);
}

}  // namespace consilium
