// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/slice_engine.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace consilium {
namespace {

QRgb* Line(QImage& picture, int y) { return reinterpret_cast<QRgb*>(picture.scanLine(y)); }

QRgb Premultiplied(const QColor& colour, double alpha) {
  const auto part = [&](int value) { return static_cast<int>(std::lround(value * alpha)); };
  return qRgba(part(colour.red()), part(colour.green()), part(colour.blue()), part(255));
}

// True where a pixel inside the label has one outside within `reach` steps along a row or a column.
bool OnRim(const std::vector<float>& share, const SlicePlane& plane, int x, int y, int reach) {
  const auto outside = [&](int column, int row) {
    if (column < 0 || row < 0 || column >= plane.width || row >= plane.height) return false;
    return share[static_cast<std::size_t>(row) * static_cast<std::size_t>(plane.width) +
                 static_cast<std::size_t>(column)] < 0.5F;
  };
  for (int step = 1; step <= reach; ++step)
    if (outside(x - step, y) || outside(x + step, y) || outside(x, y - step) || outside(x, y + step)) return true;
  return false;
}

}  // namespace

QImage SliceEngine::Render(const SliceScene& scene, const SlicePlane& plane) {
  Require(plane.width > 0 && plane.height > 0, "a picture needs a width and a height");
  QImage picture(plane.width, plane.height, QImage::Format_RGB32);
  picture.fill(scene.background);
  values_.resize(static_cast<std::size_t>(plane.width) * static_cast<std::size_t>(plane.height));
  for (const ImageLayer& layer : scene.images)
    if (layer.volume != nullptr) DrawImage(layer, plane, picture);
  for (const LabelLayer& layer : scene.labels)
    if (layer.labels != nullptr) DrawLabels(layer, plane, picture);
  return picture;
}

void SliceEngine::DrawImage(const ImageLayer& layer, const SlicePlane& plane, QImage& picture) {
  SampleSlice(*layer.volume, plane, values_);
  const ColourTable table = TableOf(layer.map);
  const auto low = static_cast<float>(layer.window.low);
  const auto scale = static_cast<float>(255.0 / std::max(1e-6, layer.window.width()));
  const bool opaque = layer.map.opacity >= 1 && !layer.map.ramp;
  const float* value = values_.data();
  for (int y = 0; y < plane.height; ++y) {
    QRgb* pixel = Line(picture, y);
    for (int x = 0; x < plane.width; ++x, ++value, ++pixel) {
      const int entry = EntryOf(*value, low, scale);
      if (entry == 256) continue;
      *pixel = opaque ? table[static_cast<std::size_t>(entry)] : Over(table[static_cast<std::size_t>(entry)], *pixel);
    }
  }
}

void SliceEngine::DrawLabels(const LabelLayer& layer, const SlicePlane& plane, QImage& picture) {
  SampleLabel(*layer.labels, layer.label, plane, values_);
  const QRgb fill = Premultiplied(layer.colour, std::clamp(layer.fill_opacity, 0.0, 1.0));
  const QRgb line = Premultiplied(layer.colour, 1);
  const float* share = values_.data();
  for (int y = 0; y < plane.height; ++y) {
    QRgb* pixel = Line(picture, y);
    for (int x = 0; x < plane.width; ++x, ++share, ++pixel) {
      if (*share < 0.5F) continue;
      const bool rim = layer.outline_px > 0 && OnRim(values_, plane, x, y, layer.outline_px);
      if (rim)
        *pixel = line;
      else if (layer.fill_opacity > 0)
        *pixel = Over(fill, *pixel);
    }
  }
}

}  // namespace consilium
