// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/data/geometry.h"

namespace consilium {

// A solid with a closed form: inside or not, volume and outline follow from the same numbers.
// Millimetres, patient frame LPS; the axes are those of the frame.
enum class ShapeKind {
  kEllipsoid,
  kColumn,  // an elliptic cylinder along z; semi_axes_mm.z is half its height
};

struct Shape {
  ShapeKind kind = ShapeKind::kEllipsoid;
  Vec3 centre_mm;
  Vec3 semi_axes_mm{1, 1, 1};
  // Lobes make the outline of each slice irregular: the radius at angle t (of the unit circle) is multiplied by
  // 1 + lobe_height * cos(lobes * t + lobe_phase).
  int lobes = 0;
  double lobe_height = 0;  // 0 to 0.5
  double lobe_phase = 0;

  bool Contains(Vec3 point_mm) const;
  double VolumeMl() const;    // exact
  Vec3 HalfExtentMm() const;  // of the box round centre_mm that holds the shape

  // The closed outline in the plane z = z_mm, `points` corners, counter-clockwise seen from +z; empty if the plane
  // misses the shape.
  std::vector<Vec3> Outline(double z_mm, int points) const;
};

// The same shape, all semi-axes multiplied by `factor`, about its centre.
Shape Scaled(const Shape& shape, double factor);

}  // namespace consilium
