// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <ostream>
#include <string>
#include <utility>

namespace consilium {

// A word that belongs to a patient: name, identifier, UID, date. It cannot be logged, printed, streamed or turned into
// a string by accident: none of these compiles. Never leaves imaging, site-node and the hospital's own desktop.
class PatientText {
 public:
  PatientText() = default;
  explicit PatientText(std::string value) : value_(std::move(value)) {}

  const std::string& Reveal() const { return value_; }  // for DICOM files and the clinician's own screen only
  bool empty() const { return value_.empty(); }

  friend auto operator<=>(const PatientText&, const PatientText&) = default;
  friend std::ostream& operator<<(std::ostream&, const PatientText&) = delete;

 private:
  std::string value_;
};

}  // namespace consilium
