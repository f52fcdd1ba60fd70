// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QRgb>
#include <array>
#include <cstdint>

#include "gui/render/slice_sampler.h"

namespace consilium {

// The values shown from the first to the last colour: HU for CT, SUV for PET.
struct Window {
  double low = 0, high = 1;
  double width() const { return high - low; }
  double level() const { return (low + high) / 2; }
  friend bool operator==(const Window&, const Window&) = default;
};

enum class ColourMapKind { kGrey, kInverseGrey, kHot };

// 256 colours and, as the last entry, the colour of a pixel outside the image; premultiplied ARGB.
using ColourTable = std::array<QRgb, 257>;

// `opacity` 0..1 of the whole table. With `ramp` a colour is the more transparent the lower it is, so that the image
// under it shows where this one is cold; that is how PET lies on CT.
struct ColourMap {
  ColourMapKind kind = ColourMapKind::kGrey;
  double opacity = 1;
  bool ramp = false;
};
ColourTable TableOf(const ColourMap& map);

// The table's entry for a value.
inline std::size_t EntryOf(float value, float low, float scale) {
  if (value == kOutside) return 256;
  const float t = (value - low) * scale;
  return t <= 0 ? 0 : t >= 255 ? 255 : static_cast<std::size_t>(t + 0.5F);
}

// One premultiplied colour over another.
inline QRgb Over(QRgb top, QRgb under) {
  const std::uint32_t keep = 255 - (top >> 24);
  const std::uint32_t red_blue = ((under & 0xff00ff) * keep + 0x800080) >> 8 & 0xff00ff;
  const std::uint32_t alpha_green = ((under >> 8 & 0xff00ff) * keep + 0x800080) & 0xff00ff00;
  return top + (red_blue | alpha_green);
}

}  // namespace consilium
