// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/geometry.h"

#include <cmath>

namespace consilium {

Vec3 Cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
double Norm(Vec3 a) { return std::sqrt(Dot(a, a)); }

Vec3 Geometry::IndexToPoint(Vec3 index) const {
  return origin_mm + (index.x * spacing_mm.x) * direction[0] + (index.y * spacing_mm.y) * direction[1] +
         (index.z * spacing_mm.z) * direction[2];
}

Vec3 Geometry::PointToIndex(Vec3 point_mm) const {
  // Cramer's rule: direction may be sheared (gantry tilt), so its transpose is not its inverse.
  const Vec3 d = point_mm - origin_mm;
  const auto& [a, b, c] = direction;
  const double det = Dot(a, Cross(b, c));
  return {Dot(d, Cross(b, c)) / det / spacing_mm.x, Dot(a, Cross(d, c)) / det / spacing_mm.y,
          Dot(a, Cross(b, d)) / det / spacing_mm.z};
}

double Geometry::VoxelVolumeMl() const {
  return std::abs(Dot(direction[0], Cross(direction[1], direction[2]))) * spacing_mm.x * spacing_mm.y * spacing_mm.z /
         1000.0;
}

bool SameGrid(const Geometry& a, const Geometry& b, double tolerance_mm) {
  if (!(a.size == b.size)) return false;
  for (int corner = 0; corner < 8; ++corner) {
    const Vec3 index{(corner & 1) ? static_cast<double>(a.size.x - 1) : 0.0,
                     (corner & 2) ? static_cast<double>(a.size.y - 1) : 0.0,
                     (corner & 4) ? static_cast<double>(a.size.z - 1) : 0.0};
    if (Norm(a.IndexToPoint(index) - b.IndexToPoint(index)) > tolerance_mm) return false;
  }
  return true;
}

}  // namespace consilium
