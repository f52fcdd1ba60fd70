// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/colour_map.h"

#include <QColor>
#include <algorithm>
#include <cmath>

namespace consilium {
namespace {

struct Colour {
  double red, green, blue;  // 0..1
};

// "Hot iron" (DICOM PS3.6 B.1.1): black, red, orange, yellow, white.
Colour Hot(double t) {
  return {std::clamp(2 * t, 0.0, 1.0), std::clamp(2 * t - 1, 0.0, 1.0), std::clamp(4 * t - 3, 0.0, 1.0)};
}

Colour At(ColourMapKind kind, double t) {
  switch (kind) {
    case ColourMapKind::kGrey: return {t, t, t};
    case ColourMapKind::kInverseGrey: return {1 - t, 1 - t, 1 - t};
    case ColourMapKind::kHot: return Hot(t);
  }
  return {};
}

}  // namespace

ColourTable TableOf(const ColourMap& map) {
  ColourTable table{};
  for (int i = 0; i < 256; ++i) {
    const double t = i / 255.0;
    const double alpha = std::clamp(map.opacity, 0.0, 1.0) * (map.ramp ? std::min(1.0, 1.6 * t) : 1.0);
    const Colour colour = At(map.kind, t);
    const auto part = [&](double value) { return static_cast<int>(std::lround(255 * alpha * value)); };
    table[static_cast<std::size_t>(i)] =
        qRgba(part(colour.red), part(colour.green), part(colour.blue), static_cast<int>(std::lround(255 * alpha)));
  }
  table[256] = 0;
  return table;
}

}  // namespace consilium
