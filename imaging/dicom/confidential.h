// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <ostream>
#include <string>
#include <utility>

namespace consilium {

// Text out of a DICOM file that may name a patient: names, ids, UIDs, dates. It neither prints nor logs: doing so does
// not compile. `Reveal()` is for writing DICOM and for the hospital's own screen, and is easy to search for.
class Confidential {
 public:
  Confidential() = default;
  explicit Confidential(std::string text) : text_(std::move(text)) {}

  const std::string& Reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend auto operator<=>(const Confidential&, const Confidential&) = default;
  friend std::ostream& operator<<(std::ostream&, const Confidential&) = delete;

 private:
  std::string text_;
};

}  // namespace consilium
