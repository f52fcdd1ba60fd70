// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/shape.h"

#include <cmath>
#include <numbers>

namespace consilium {
namespace {

double LobeFactor(const Shape& shape, double angle) {
  return shape.lobes == 0 ? 1 : 1 + shape.lobe_height * std::cos(shape.lobes * angle + shape.lobe_phase);
}

// Square of the radius that the plane at height u (-1 to 1, in semi-axes) leaves of the unit circle; negative: none.
double SquaredRadiusAt(const Shape& shape, double u) {
  if (shape.kind == ShapeKind::kColumn) return std::abs(u) <= 1 ? 1 : -1;
  return 1 - u * u;
}

}  // namespace

bool Shape::Contains(Vec3 point_mm) const {
  const Vec3 d = point_mm - centre_mm;
  const double left = SquaredRadiusAt(*this, d.z / semi_axes_mm.z);
  if (left < 0) return false;
  const double x = d.x / semi_axes_mm.x;
  const double y = d.y / semi_axes_mm.y;
  const double factor = lobes == 0 ? 1 : LobeFactor(*this, std::atan2(y, x));
  return x * x + y * y <= factor * factor * left;
}

double Shape::VolumeMl() const {
  // The area of a lobed circle is pi (1 + e^2 / 2): the mean of the squared radius over all angles.
  const double area =
      std::numbers::pi * semi_axes_mm.x * semi_axes_mm.y * (1 + (lobes == 0 ? 0 : lobe_height * lobe_height / 2));
  const double height_mm = semi_axes_mm.z * (kind == ShapeKind::kColumn ? 2 : 4.0 / 3.0);
  return area * height_mm / 1000;
}

Vec3 Shape::HalfExtentMm() const {
  const double factor = lobes == 0 ? 1 : 1 + lobe_height;
  return {semi_axes_mm.x * factor, semi_axes_mm.y * factor, semi_axes_mm.z};
}

std::vector<Vec3> Shape::Outline(double z_mm, int points) const {
  const double left = SquaredRadiusAt(*this, (z_mm - centre_mm.z) / semi_axes_mm.z);
  if (left <= 0) return {};
  std::vector<Vec3> outline;
  for (int i = 0; i < points; ++i) {
    const double angle = 2 * std::numbers::pi * i / points;
    const double radius = LobeFactor(*this, angle) * std::sqrt(left);
    outline.push_back({centre_mm.x + semi_axes_mm.x * radius * std::cos(angle),
                       centre_mm.y + semi_axes_mm.y * radius * std::sin(angle), z_mm});
  }
  return outline;
}

Shape Scaled(const Shape& shape, double factor) {
  Shape scaled = shape;
  scaled.semi_axes_mm = factor * shape.semi_axes_mm;
  return scaled;
}

}  // namespace consilium
