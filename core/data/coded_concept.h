// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace consilium {

// A term of a coding scheme (DICOM PS3.3 8.8): what a label means, the same in every hospital. Two are equal if value
// and scheme are; the meaning is only for people.
struct CodedConcept {
  std::string value;    // "108369006"
  std::string scheme;   // "SCT" (SNOMED CT), "DCM", ...
  std::string meaning;  // "Neoplasm"

  std::string Key() const { return scheme + " " + value; }                                      // "SCT 108369006"
  std::string Text() const { return meaning.empty() ? Key() : Key() + " \"" + meaning + '"'; }  // with the meaning

  friend bool operator==(const CodedConcept& a, const CodedConcept& b) {
    return a.value == b.value && a.scheme == b.scheme;
  }
};

// What every plan means that names no label: a tumour. SEG files are written with it.
inline const CodedConcept kNeoplasm{"108369006", "SCT", "Neoplasm"};

// From "SCHEME VALUE Meaning of any words"; the meaning may be missing. Throws Error(kInvalidArgument) unless the
// scheme and the value are 1 to 16 printable characters each (a DICOM short string) and the meaning at most 64.
CodedConcept ParseCodedConcept(std::string_view text);

}  // namespace consilium
