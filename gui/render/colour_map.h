// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QRgb>
#include <algorithm>
#include <array>
#include <cstdint>

#include "gui/render/slice_sampler.h"
#include "gui/render/window.h"

namespace consilium {

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
inline int EntryOf(float value, float low, float scale) {
  const float t = std::min(std::max((value - low) * scale, 0.0F), 255.0F);
  return value == kOutside ? 256 : static_cast<int>(t + 0.5F);
}

// One premultiplied colour over another.
inline QRgb Over(QRgb top, QRgb under) {
  // x / 255, rounded, for two channels at once.
  const auto scaled = [keep = 255 - (top >> 24)](std::uint32_t pair) {
    const std::uint32_t t = pair * keep + 0x800080;
    return (t + (t >> 8 & 0xff00ff)) >> 8 & 0xff00ff;
  };
  return top + (scaled(under & 0xff00ff) | scaled(under >> 8 & 0xff00ff) << 8);
}

}  // namespace consilium
