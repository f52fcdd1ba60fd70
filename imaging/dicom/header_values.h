// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/dicom/tags.h"

namespace consilium {

// A vendor's private tag (PS3.5 7.8.1): (gggg,xxee), where block xx is the one that `creator` reserved by writing its
// name into (gggg,00xx). In Implicit VR its kind is not told, so the bytes are taken for text.
struct PrivateTag {
  std::uint16_t group;
  std::string_view creator;
  std::uint8_t element;
};

// The values that a scan of many files needs, taken by the pre-scan as it walks over a file: thousands of headers are
// read this way in the time in which DCMTK builds its tree of some hundred. Holds only the tags of which Wants() is
// true, each once (the first, as DCMTK), so its memory is bounded whatever the file says.
class HeaderValues {
 public:
  static constexpr std::size_t kLongest = 4096;  // bytes of a value; a longer one counts as missing
  static bool Wants(TagNumber tag);

  // An element as it lies in the file; `vr` is empty in Implicit VR. Ignored if not wanted.
  void Add(TagNumber tag, std::string_view vr, bool big_endian, std::string_view bytes);

  // All values of a text tag joined by '\', without padding at the end, or empty; names and numbers that people gave as
  // UTF-8 (character_set.h). `tag` must be a wanted one.
  std::string Text(TagNumber tag) const;
  // The numbers of a tag of any numeric kind; empty if missing or not all numbers.
  std::vector<double> Numbers(TagNumber tag) const;
  std::optional<double> Number(TagNumber tag) const;

  // The text of a private tag (a number of a numeric kind is written out), or empty if creator or tag is not there.
  std::string Text(const PrivateTag& tag) const;
  std::optional<double> Number(const PrivateTag& tag) const;

 private:
  struct Value {
    TagNumber tag;
    std::string_view vr;  // of constants: what the file says, or what the tag is in Implicit VR
    bool big_endian;
    std::size_t begin, length;  // in bytes_
  };
  const Value* Find(TagNumber tag) const;
  std::string_view BytesOf(const Value& value) const {
    return std::string_view(bytes_).substr(value.begin, value.length);
  }
  std::vector<double> NumbersOf(const Value& value) const;

  std::vector<Value> values_;  // in the order of the file
  std::size_t private_values_ = 0;
  std::string bytes_;
};

// What the pre-scan took from one file.
struct FileValues {
  HeaderValues top;
  HeaderValues drug;  // the first item of RadiopharmaceuticalInformationSequence (0054,0016)
  std::int64_t drugs = 0;
};

}  // namespace consilium
