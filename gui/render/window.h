// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace consilium {

// The values shown from the first to the last colour: HU for CT, SUV for PET.
struct Window {
  double low = 0, high = 1;
  double width() const { return high - low; }
  double level() const { return (low + high) / 2; }
  friend bool operator==(const Window&, const Window&) = default;
};

enum class ColourMapKind { kGrey, kInverseGrey, kHot };

}  // namespace consilium
