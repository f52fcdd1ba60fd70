// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "core/data/geometry.h"

namespace consilium {

enum class SliceView { kAxial, kCoronal, kSagittal };
inline constexpr std::array<SliceView, 3> kSliceViews{SliceView::kAxial, SliceView::kCoronal, SliceView::kSagittal};
std::string_view Name(SliceView view);  // "Axial", ...

// Which index axis (0 i, 1 j, 2 k) of a grid runs across, down and through a view, and its sense: +1 if the index
// rises to the right, downwards, or (through) to the patient's left, back or head. Radiological convention: axial
// and coronal pictures have the patient's LEFT on the RIGHT of the screen, sagittal ones the front on the left; the
// axial view is seen from the feet. Every grid, however stored, gives the same picture.
struct ViewAxes {
  int across = 0, down = 1, through = 2;
  int across_sense = 1, down_sense = 1, through_sense = 1;
};
ViewAxes AxesOf(const Geometry& grid, SliceView view);

// A picture's place in the patient: the centre of pixel (x, y) is at origin + x * across + y * down, in mm, LPS.
struct SlicePlane {
  Vec3 origin_mm;
  Vec3 across_mm;  // one pixel to the right
  Vec3 down_mm;    // one pixel down; orthogonal to across and equally long, so that shapes are true
  int width = 0, height = 0;

  Vec3 PointAt(double x, double y) const { return origin_mm + x * across_mm + y * down_mm; }
  struct Pixel {
    double x = 0, y = 0;
  };
  Pixel PixelAt(Vec3 point_mm) const;  // of the point's foot on the plane
};

struct PlaneRequest {
  SliceView view = SliceView::kAxial;
  Vec3 cursor_mm;  // the plane goes through the slice of the grid that is nearest to it
  Vec3 centre_mm;  // its foot on the plane is the middle of the picture
  double mm_per_pixel = 1;
  int width = 0, height = 0;
};
SlicePlane PlaneOf(const Geometry& grid, const PlaneRequest& request);

// The middle of the grid, and the coarsest mm per pixel at which all of it fits into width x height.
Vec3 CentreOf(const Geometry& grid);
double FitMmPerPixel(const Geometry& grid, SliceView view, int width, int height);

// The slice of the grid (0-based, in storage order) that is nearest to the point, not held inside the grid.
std::int64_t SliceAt(const Geometry& grid, SliceView view, Vec3 point_mm);

std::int64_t SliceCount(const Geometry& grid, SliceView view);

// The point moved along the view's normal by `slices` grid slices, towards left, back or head, held inside the grid.
Vec3 Scrolled(const Geometry& grid, SliceView view, Vec3 point_mm, std::int64_t slices);

// Anatomical letters of a direction: R L A P H F. An oblique direction has two, the stronger one first: "LP"; a
// component counts as a letter from a share of 0.26 (15 degrees) on.
std::string OrientationLetters(Vec3 direction);

}  // namespace consilium
