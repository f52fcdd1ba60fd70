// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/render/slice_plane.h"

#include <algorithm>
#include <cmath>

namespace consilium {
namespace {

double Component(const Vec3& v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }
double& Entry(Vec3& v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }
std::int64_t Component(Size3 s, int axis) { return axis == 0 ? s.x : axis == 1 ? s.y : s.z; }

Vec3 Unit(Vec3 v) { return (1.0 / Norm(v)) * v; }

// The index axis that lies nearest to each of the patient's axes x, y, z: the assignment with the largest sum of
// cosines, so that no axis is used twice, not even at 45 degrees.
std::array<int, 3> NearestAxes(const Geometry& grid) {
  std::array<int, 3> order{0, 1, 2}, best = order;
  double best_sum = -1;
  do {
    double sum = 0;
    for (int patient = 0; patient < 3; ++patient)
      sum += std::abs(
          Component(grid.direction[static_cast<std::size_t>(order[static_cast<std::size_t>(patient)])], patient));
    if (sum > best_sum + 1e-9) {
      best_sum = sum;
      best = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

struct Frame {
  Vec3 across, down;  // orthonormal, LPS
};

Frame FrameOf(const Geometry& grid, const ViewAxes& axes) {
  const Vec3 across =
      Unit(static_cast<double>(axes.across_sense) * grid.direction[static_cast<std::size_t>(axes.across)]);
  const Vec3 down = static_cast<double>(axes.down_sense) * grid.direction[static_cast<std::size_t>(axes.down)];
  return {across, Unit(down - Dot(down, across) * across)};  // a sheared grid is shown square
}

}  // namespace

std::string_view Name(SliceView view) {
  switch (view) {
    case SliceView::kAxial: return "Axial";
    case SliceView::kCoronal: return "Coronal";
    case SliceView::kSagittal: return "Sagittal";
  }
  return "";
}

ViewAxes AxesOf(const Geometry& grid, SliceView view) {
  const std::array<int, 3> nearest = NearestAxes(grid);
  // The patient's axis (0 left, 1 back, 2 head) across, down and through, and the sense wanted on the screen.
  struct Layout {
    std::array<int, 3> axis, sense;
  };
  static constexpr std::array<Layout, 3> kLayouts{{
      {{0, 1, 2}, {1, 1, 1}},   // axial: left on the right, back at the bottom
      {{0, 2, 1}, {1, -1, 1}},  // coronal: left on the right, feet at the bottom
      {{1, 2, 0}, {1, -1, 1}},  // sagittal: back on the right, feet at the bottom
  }};
  const Layout& layout = kLayouts[static_cast<std::size_t>(view)];
  ViewAxes axes;
  const auto take = [&](std::size_t place, int& axis, int& sense) {
    axis = nearest[static_cast<std::size_t>(layout.axis[place])];
    const double cosine = Component(grid.direction[static_cast<std::size_t>(axis)], layout.axis[place]);
    sense = cosine >= 0 ? layout.sense[place] : -layout.sense[place];
  };
  take(0, axes.across, axes.across_sense);
  take(1, axes.down, axes.down_sense);
  take(2, axes.through, axes.through_sense);
  return axes;
}

SlicePlane::Pixel SlicePlane::PixelAt(Vec3 point_mm) const {
  const Vec3 d = point_mm - origin_mm;
  return {Dot(d, across_mm) / Dot(across_mm, across_mm), Dot(d, down_mm) / Dot(down_mm, down_mm)};
}

SlicePlane PlaneOf(const Geometry& grid, const PlaneRequest& request) {
  const ViewAxes axes = AxesOf(grid, request.view);
  const Frame frame = FrameOf(grid, axes);
  const Vec3 normal = Cross(frame.across, frame.down);

  Vec3 index = grid.PointToIndex(request.cursor_mm);
  double& through = Entry(index, axes.through);
  const auto last = static_cast<double>(Component(grid.size, axes.through) - 1);
  through = std::clamp(std::round(through), 0.0, std::max(0.0, last));
  const Vec3 on_slice = grid.IndexToPoint(index);

  SlicePlane plane;
  plane.width = request.width;
  plane.height = request.height;
  plane.across_mm = request.mm_per_pixel * frame.across;
  plane.down_mm = request.mm_per_pixel * frame.down;
  const Vec3 middle = request.centre_mm + Dot(on_slice - request.centre_mm, normal) * normal;
  plane.origin_mm =
      middle - ((request.width - 1) / 2.0) * plane.across_mm - ((request.height - 1) / 2.0) * plane.down_mm;
  return plane;
}

Vec3 CentreOf(const Geometry& grid) {
  return grid.IndexToPoint({static_cast<double>(grid.size.x - 1) / 2, static_cast<double>(grid.size.y - 1) / 2,
                            static_cast<double>(grid.size.z - 1) / 2});
}

double FitMmPerPixel(const Geometry& grid, SliceView view, int width, int height) {
  const Frame frame = FrameOf(grid, AxesOf(grid, view));
  double across = 0, down = 0;
  const std::array<double, 3> edges{static_cast<double>(grid.size.x) * grid.spacing_mm.x,
                                    static_cast<double>(grid.size.y) * grid.spacing_mm.y,
                                    static_cast<double>(grid.size.z) * grid.spacing_mm.z};
  const ViewAxes axes = AxesOf(grid, view);
  for (const int axis : {axes.across, axes.down}) {
    const auto at = static_cast<std::size_t>(axis);
    across += edges[at] * std::abs(Dot(grid.direction[at], frame.across));
    down += edges[at] * std::abs(Dot(grid.direction[at], frame.down));
  }
  return std::max(across / std::max(1, width), down / std::max(1, height));
}

std::int64_t SliceAt(const Geometry& grid, SliceView view, Vec3 point_mm) {
  return std::llround(Component(grid.PointToIndex(point_mm), AxesOf(grid, view).through));
}

std::int64_t SliceCount(const Geometry& grid, SliceView view) {
  return Component(grid.size, AxesOf(grid, view).through);
}

Vec3 Scrolled(const Geometry& grid, SliceView view, Vec3 point_mm, std::int64_t slices) {
  const ViewAxes axes = AxesOf(grid, view);
  Vec3 index = grid.PointToIndex(point_mm);
  double& through = Entry(index, axes.through);
  const auto last = static_cast<double>(Component(grid.size, axes.through) - 1);
  through =
      std::clamp(std::round(through) + static_cast<double>(slices * axes.through_sense), 0.0, std::max(0.0, last));
  return grid.IndexToPoint(index);
}

std::string OrientationLetters(Vec3 direction) {
  static constexpr double kSmallestShare = 0.26;
  struct Part {
    double share;
    char letter;
  };
  const Vec3 unit = Unit(direction);
  std::array<Part, 3> parts{{{std::abs(unit.x), unit.x > 0 ? 'L' : 'R'},
                             {std::abs(unit.y), unit.y > 0 ? 'P' : 'A'},
                             {std::abs(unit.z), unit.z > 0 ? 'H' : 'F'}}};
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.share > b.share + 1e-9; });
  std::string letters(1, parts[0].letter);
  if (parts[1].share >= kSmallestShare) letters += parts[1].letter;
  return letters;
}

}  // namespace consilium
