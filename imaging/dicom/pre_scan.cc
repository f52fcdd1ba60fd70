// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/pre_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace consilium {
namespace {

constexpr std::uint32_t kUndefined = 0xFFFFFFFF;
constexpr std::uint32_t kItem = 0xFFFEE000, kItemEnd = 0xFFFEE00D, kSequenceEnd = 0xFFFEE0DD;
constexpr std::uint32_t kTransferSyntax = 0x00020010, kSeriesUid = 0x0020000E, kStudyUid = 0x0020000D,
                        kPatientId = 0x00100020, kPixelData = 0x7FE00010;

// A fault of the file, thrown inside this source only: it ends the walk from any depth.
struct Fault {
  std::string words;
};

std::string TagName(std::uint32_t tag) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "(%04X,%04X)", tag >> 16, tag & 0xFFFF);
  return text.data();
}

// Random access to a file through one buffer.
class ByteSource {
 public:
  explicit ByteSource(const std::filesystem::path& file) : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat info {};
    if (fd_ < 0 || ::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
      if (fd_ >= 0) ::close(fd_);
      throw Error(ErrorCode::kNotFound, "cannot open " + file.string() + ": " + std::strerror(errno),
                  "Check that the file exists and may be read.");
    }
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
  ~ByteSource() { ::close(fd_); }
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  std::uint64_t size() const { return size_; }

  // `count` bytes at `offset`, valid until the next call. The caller has checked that they lie in the file.
  const unsigned char* At(std::uint64_t offset, std::uint64_t count) {
    if (offset < start_ || offset + count > start_ + filled_) Fill(offset, count);
    return buffer_.data() + (offset - start_);
  }

 private:
  void Fill(std::uint64_t offset, std::uint64_t count) {
    start_ = offset;
    filled_ = 0;
    while (filled_ < count) {
      const ssize_t got =
          ::pread(fd_, buffer_.data() + filled_, buffer_.size() - filled_, static_cast<off_t>(offset + filled_));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) throw Fault{"the file cannot be read to its end"};
      filled_ += static_cast<std::uint64_t>(got);
    }
  }

  int fd_;
  std::uint64_t size_ = 0, start_ = 0, filled_ = 0;
  std::array<unsigned char, 32768> buffer_;
};

std::uint32_t U16(const unsigned char* p) { return static_cast<std::uint32_t>(p[0] | (p[1] << 8)); }
std::uint32_t U32(const unsigned char* p) { return U16(p) | (U16(p + 2) << 16); }

struct Element {
  std::uint32_t tag = 0;
  std::string vr;  // empty in implicit VR and for item tags
  std::uint32_t length = 0;
  std::uint64_t value = 0;  // offset of the value
};

// The walk. Nesting is a vector, not the call stack.
class Walk {
 public:
  Walk(ByteSource& source, const PreScanLimits& limits, PreScan& out) : source_(source), limits_(limits), out_(out) {}

  void Run() {
    const std::uint64_t dataset = Meta();
    CheckTransferSyntax();
    const bool implicit = out_.transfer_syntax == "1.2.840.10008.1.2";
    levels_.push_back({Level::kItems, source_.size(), implicit});  // the data set itself
    std::uint64_t at = dataset;
    while (true) {
      while (levels_.size() > 1 && at == levels_.back().end) levels_.pop_back();
      if (levels_.size() == 1 && (out_.has_pixels || at == source_.size())) break;
      at = levels_.back().kind == Level::kItems ? InItem(at) : InSequence(at);
    }
    out_.checked_bytes = at;
    if (!out_.has_pixels) out_.header_bytes = at;
    if (out_.header_bytes > limits_.header_bytes) throw Fault{"its header is larger than any scanner writes"};
  }

 private:
  struct Level {
    enum Kind { kItems, kSequence, kFragments } kind;  // kItems: elements follow; the others hold items
    std::uint64_t end;                                 // kOpen for an undefined length
    bool implicit;
    static constexpr std::uint64_t kOpen = ~std::uint64_t{0};
  };

  const unsigned char* Need(std::uint64_t at, std::uint64_t count, const char* what) {
    if (at > source_.size() || count > source_.size() - at) {
      throw Fault{std::string("the file ends inside ") + what};
    }
    return source_.At(at, count);
  }

  // The group 0002 elements; returns where the data set starts.
  std::uint64_t Meta() {
    std::uint64_t at = 132;
    while (at < source_.size() && U16(Need(at, 2, "its file header")) == 2) {
      const Element e = ReadElement(at, false);
      if (e.length == kUndefined) throw Fault{"undefined length of " + TagName(e.tag)};
      CheckEnd(e, source_.size());
      if (e.tag == kTransferSyntax) out_.transfer_syntax = TextOf(e);
      at = e.value + e.length;
    }
    return at;
  }

  std::string TextOf(const Element& e) {
    if (e.length > 64) throw Fault{"a UID of more than 64 characters in " + TagName(e.tag)};
    const auto* p = reinterpret_cast<const char*>(Need(e.value, e.length, "a UID"));
    std::string_view text(p, e.length);
    while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.remove_suffix(1);
    return std::string(text);
  }

  void CheckTransferSyntax() const {
    struct Known {
      std::string_view uid, refusal;
    };
    static constexpr Known kKnown[] = {
        {"1.2.840.10008.1.2", ""},       // Implicit VR Little Endian
        {"1.2.840.10008.1.2.1", ""},     // Explicit VR Little Endian
        {"1.2.840.10008.1.2.5", ""},     // RLE lossless
        {"1.2.840.10008.1.2.4.57", ""},  // JPEG lossless
        {"1.2.840.10008.1.2.4.70", ""},  // JPEG lossless, first-order prediction
        {"1.2.840.10008.1.2.4.80", ""},  // JPEG-LS lossless
        {"1.2.840.10008.1.2.4.81", ""},  // JPEG-LS near-lossless
        {"1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"},
        {"1.2.840.10008.1.2.2", "Explicit VR Big Endian"},
        {"1.2.840.10008.1.2.4.50", "JPEG Baseline, which is lossy"},
        {"1.2.840.10008.1.2.4.51", "JPEG Extended, which is lossy"},
        {"1.2.840.10008.1.2.4.90", "JPEG 2000 lossless"},
        {"1.2.840.10008.1.2.4.91", "JPEG 2000"},
        {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 lossless"},
    };
    if (out_.transfer_syntax.empty()) throw Fault{"missing tag TransferSyntaxUID (0002,0010)"};
    for (const Known& known : kKnown) {
      if (known.uid != out_.transfer_syntax) continue;
      if (known.refusal.empty()) return;
      throw Fault{"transfer syntax " + std::string(known.refusal) +
                  " is not read; export the series as Explicit VR Little Endian"};
    }
    throw Fault{"unknown transfer syntax; export the series as Explicit VR Little Endian"};
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

  Element ReadElement(std::uint64_t at, bool implicit) {
    if (++elements_ > limits_.elements) throw Fault{"more elements than any scanner writes"};
    const unsigned char* p = Need(at, 8, "an element header");
    Element e;
    e.tag = (U16(p) << 16) | U16(p + 2);
    if (implicit || (e.tag >> 16) == 0xFFFE) {
      e.length = U32(p + 4);
      e.value = at + 8;
      return e;
    }
    e.vr.assign(reinterpret_cast<const char*>(p) + 4, 2);
    if (!IsVr(e.vr)) throw Fault{"unknown value representation in " + TagName(e.tag)};
    if (HasLongLength(e.vr)) {
      e.length = U32(Need(at, 12, "an element header") + 8);
      e.value = at + 12;
    } else {
      e.length = U16(p + 6);
      e.value = at + 8;
    }
    return e;
  }

  void CheckEnd(const Element& e, std::uint64_t end) const {
    if (e.value <= end && e.length <= end - e.value) return;
    if (end < source_.size()) throw Fault{TagName(e.tag) + " reaches beyond the end of its sequence"};
    throw Fault{"the file ends inside " + TagName(e.tag) + ": it is cut off, or its length is wrong"};
  }

  // The innermost defined end: nothing may reach beyond it.
  std::uint64_t End() const {
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
      if (level->end != Level::kOpen) return level->end;
    }
    return source_.size();
  }

  std::uint64_t Enter(Level::Kind kind, const Element& e, bool implicit) {
    if (e.length != kUndefined) CheckEnd(e, End());
    levels_.push_back({kind, e.length == kUndefined ? Level::kOpen : e.value + e.length, implicit});
    // Each nested sequence takes two levels: the sequence and its item.
    if (static_cast<int>(levels_.size() / 2) > limits_.depth) {
      throw Fault{"sequences nested deeper than " + std::to_string(limits_.depth)};
    }
    return e.value;
  }

  std::uint64_t InItem(std::uint64_t at) {
    const Level level = levels_.back();
    const Element e = ReadElement(at, level.implicit);
    if (e.tag == kItemEnd && level.end == Level::kOpen) {
      levels_.pop_back();
      return e.value;
    }
    if ((e.tag >> 16) == 0xFFFE) throw Fault{"an item outside of a sequence"};
    const bool top = levels_.size() == 1;
    if (top && e.tag == kPixelData) return Pixels(at, e);
    if (e.length == kUndefined) {
      if (e.tag == kPixelData) return Enter(Level::kFragments, e, level.implicit);
      if (!e.vr.empty() && e.vr != "SQ" && e.vr != "UN") throw Fault{"undefined length of " + TagName(e.tag)};
      return Enter(Level::kSequence, e, level.implicit || e.vr == "UN");  // UN: PS3.5 6.2.2, content is implicit VR
    }
    CheckEnd(e, End());
    if (e.vr == "SQ" || (level.implicit && LooksLikeSequence(e))) return Enter(Level::kSequence, e, level.implicit);
    if (e.length > limits_.value_bytes) throw Fault{TagName(e.tag) + " is larger than any scanner writes"};
    if (top && e.tag == kSeriesUid) out_.series_uid = PatientText(TextOf(e));
    if (top && e.tag == kStudyUid) out_.study_uid = PatientText(TextOf(e));
    if (top && e.tag == kPatientId && e.length <= 64) out_.patient_id = PatientText(TextOf(e));
    return e.value + e.length;
  }

  // Implicit VR does not say what is a sequence; DCMTK's dictionary does. Every sequence that DCMTK would descend into
  // starts with an item, so descending wherever an item starts finds at least those.
  bool LooksLikeSequence(const Element& e) {
    if (e.length < 8) return false;
    const unsigned char* p = Need(e.value, 4, "a value");
    return U16(p) == 0xFFFE && U16(p + 2) == 0xE000;
  }

  std::uint64_t Pixels(std::uint64_t at, const Element& e) {
    out_.has_pixels = true;
    out_.header_bytes = at;
    if (e.length == kUndefined) {
      out_.compressed = true;
      return Enter(Level::kFragments, e, levels_.back().implicit);
    }
    CheckEnd(e, source_.size());
    out_.pixel_offset = e.value;
    out_.pixel_bytes = e.length;
    return e.value + e.length;
  }

  std::uint64_t InSequence(std::uint64_t at) {
    const Level level = levels_.back();
    const Element e = ReadElement(at, true);
    if (e.tag == kSequenceEnd && level.end == Level::kOpen) {
      levels_.pop_back();
      return e.value;
    }
    if (e.tag != kItem) throw Fault{TagName(e.tag) + " where an item of a sequence should start"};
    if (level.kind == Level::kSequence) return Enter(Level::kItems, e, level.implicit);
    if (e.length == kUndefined) throw Fault{"a pixel fragment without a length"};
    CheckEnd(e, End());
    if (out_.compressed && levels_.size() == 2) out_.pixel_bytes += e.length;
    return e.value + e.length;
  }

  ByteSource& source_;
  const PreScanLimits& limits_;
  PreScan& out_;
  std::vector<Level> levels_;
  std::int64_t elements_ = 0;
};

}  // namespace

PreScan PreScanFile(const std::filesystem::path& file, const PreScanLimits& limits) {
  PreScan out;
  ByteSource source(file);
  try {
    if (source.size() < 132 || std::memcmp(source.At(128, 4), "DICM", 4) != 0) return out;
    out.is_dicom = true;
    if (source.size() > limits.file_bytes) throw Fault{"it is larger than any scanner writes"};
    Walk(source, limits, out).Run();
  } catch (const Fault& fault) {
    out.fault = fault.words;
  }
  return out;
}

}  // namespace consilium
