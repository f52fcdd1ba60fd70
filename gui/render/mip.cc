// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/mip.h"

#include <QPainter>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "gui/render/slice_plane.h"

namespace consilium {
namespace {

// The grid seen as left, back, head: strides and senses, so that any storage order is walked the same way.
struct BodyAxis {
  std::int64_t count = 0, stride = 0, first = 0;
  double spacing_mm = 1;
  int axis = 0, sense = 1;
  std::int64_t SliceOf(std::int64_t step) const { return sense > 0 ? step : count - 1 - step; }
};

BodyAxis AxisOf(const Geometry& grid, int axis, int sense) {
  const std::array<std::int64_t, 3> counts{grid.size.x, grid.size.y, grid.size.z};
  const std::array<std::int64_t, 3> strides{1, grid.size.x, grid.size.x * grid.size.y};
  const std::array<double, 3> spacings{grid.spacing_mm.x, grid.spacing_mm.y, grid.spacing_mm.z};
  const auto at = static_cast<std::size_t>(axis);
  BodyAxis body{counts[at], strides[at] * sense, 0, spacings[at], axis, sense};
  body.first = sense > 0 ? 0 : (counts[at] - 1) * strides[at];
  return body;
}

// A voxel that a ray meets: its offset within one transverse layer, and its slice k; -1: the layer is the slice.
struct Hit {
  std::int64_t offset = 0, k = -1;
};

// What each column of the picture sees in one transverse layer.
std::vector<std::vector<Hit>> RaysOf(const BodyAxis& left, const BodyAxis& back, double step_mm, int columns,
                                     double angle_deg) {
  const double turn = angle_deg * std::numbers::pi / 180;
  const double cosine = std::cos(turn), sine = std::sin(turn);
  std::vector<std::vector<Hit>> rays(static_cast<std::size_t>(columns));
  for (int column = 0; column < columns; ++column) {
    const double across = (column - (columns - 1) / 2.0) * step_mm;
    for (int deep = 0; deep < columns; ++deep) {
      const double depth = (deep - (columns - 1) / 2.0) * step_mm;
      // At angle 0 the picture's right is the patient's left and the ray runs to the back.
      const double to_left = cosine * across - sine * depth, to_back = sine * across + cosine * depth;
      const std::int64_t i = std::llround(to_left / left.spacing_mm + static_cast<double>(left.count - 1) / 2);
      const std::int64_t j = std::llround(to_back / back.spacing_mm + static_cast<double>(back.count - 1) / 2);
      if (i < 0 || j < 0 || i >= left.count || j >= back.count) continue;
      const std::int64_t offset = left.first + i * left.stride + back.first + j * back.stride;
      auto& ray = rays[static_cast<std::size_t>(column)];
      if (!ray.empty() && ray.back().offset == offset) continue;
      ray.push_back({offset, left.axis == 2 ? left.SliceOf(i) : back.axis == 2 ? back.SliceOf(j) : -1});
    }
  }
  return rays;
}

}  // namespace

Projection Project(const Volume& volume, const LabelMap* labels, double angle_deg) {
  const Geometry& grid = volume.geometry;
  const ViewAxes axial = AxesOf(grid, SliceView::kAxial);
  const BodyAxis left = AxisOf(grid, axial.across, axial.across_sense);
  const BodyAxis back = AxisOf(grid, axial.down, axial.down_sense);
  const BodyAxis head = AxisOf(grid, axial.through, axial.through_sense);
  if (labels != nullptr && !SameGrid(labels->geometry, grid, 0.1)) labels = nullptr;

  Projection out;
  out.angle_deg = angle_deg;
  out.mm_per_pixel = std::min({left.spacing_mm, back.spacing_mm, head.spacing_mm});
  const double wide =
      std::hypot(static_cast<double>(left.count) * left.spacing_mm, static_cast<double>(back.count) * back.spacing_mm);
  out.width = std::max(1, static_cast<int>(std::ceil(wide / out.mm_per_pixel)));
  out.height =
      std::max(1, static_cast<int>(std::lround(static_cast<double>(head.count) * head.spacing_mm / out.mm_per_pixel)));
  const auto pixels = static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height);
  out.values.assign(pixels, kOutside);
  if (labels != nullptr) out.inside.assign(pixels, 0);

  const auto rays = RaysOf(left, back, out.mm_per_pixel, out.width, angle_deg);
  std::int64_t drawn = -1;
  for (int y = 0; y < out.height; ++y) {
    const auto row = static_cast<std::ptrdiff_t>(y) * out.width;
    const auto layer = std::clamp<std::int64_t>(
        static_cast<std::int64_t>((out.height - 1 - y + 0.5) * out.mm_per_pixel / head.spacing_mm), 0, head.count - 1);
    if (layer == drawn) {  // layers thicker than a pixel are drawn once
      std::copy_n(out.values.begin() + row - out.width, out.width, out.values.begin() + row);
      if (labels != nullptr) std::copy_n(out.inside.begin() + row - out.width, out.width, out.inside.begin() + row);
      continue;
    }
    drawn = layer;
    const std::int64_t base = head.first + layer * head.stride;
    for (int x = 0; x < out.width; ++x) {
      float best = kOutside;
      bool hit = false;
      for (const Hit& voxel : rays[static_cast<std::size_t>(x)]) {
        const auto at = static_cast<std::size_t>(base + voxel.offset);
        const auto k = static_cast<std::size_t>(voxel.k < 0 ? head.SliceOf(layer) : voxel.k);
        best = std::max(best, volume.slope[k] * static_cast<float>(volume.voxels[at]) + volume.intercept[k]);
        if (labels != nullptr && labels->voxels[at] != 0) hit = true;
      }
      out.values[static_cast<std::size_t>(row + x)] = best;
      if (hit) out.inside[static_cast<std::size_t>(row + x)] = 1;
    }
  }
  return out;
}

QImage Draw(const Projection& projection, const Window& window, const ColourMap& map, const QColor& colour, int width,
            int height) {
  QImage native(projection.width, projection.height, QImage::Format_RGB32);
  const ColourTable table = TableOf(map);
  const auto low = static_cast<float>(window.low);
  const auto scale = static_cast<float>(255.0 / std::max(1e-6, window.width()));
  for (int y = 0; y < projection.height; ++y) {
    auto* line = reinterpret_cast<QRgb*>(native.scanLine(y));
    for (int x = 0; x < projection.width; ++x) {
      const auto at =
          static_cast<std::size_t>(y) * static_cast<std::size_t>(projection.width) + static_cast<std::size_t>(x);
      const int entry = EntryOf(projection.values[at], low, scale);
      line[x] = table[entry == 256 ? 0 : static_cast<std::size_t>(entry)];
      if (!projection.inside.empty() && projection.inside[at] != 0) {
        const QColor tinted(static_cast<int>(0.6 * colour.red() + 0.4 * qRed(line[x])),
                            static_cast<int>(0.6 * colour.green() + 0.4 * qGreen(line[x])),
                            static_cast<int>(0.6 * colour.blue() + 0.4 * qBlue(line[x])));
        line[x] = tinted.rgb();
      }
    }
  }
  QImage picture(std::max(1, width), std::max(1, height), QImage::Format_RGB32);
  picture.fill(table[0]);
  const QImage scaled = native.scaled(picture.size(), Qt::KeepAspectRatio, Qt::SmoothTransformation);
  QPainter painter(&picture);
  painter.drawImage((picture.width() - scaled.width()) / 2, (picture.height() - scaled.height()) / 2, scaled);
  return picture;
}

}  // namespace consilium
