// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace consilium {

// A point or vector in millimetres in the patient frame LPS (+x left, +y posterior, +z superior;
// DICOM PS3.3 C.7.6.2.1.1), or a continuous voxel index (i, j, k). Which one, the name says.
struct Vec3 {
  double x = 0, y = 0, z = 0;
  friend bool operator==(const Vec3&, const Vec3&) = default;
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(double s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
inline double Dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Vec3 Cross(Vec3 a, Vec3 b);
double Norm(Vec3 a);

// Voxels along i (columns, fastest), j (rows) and k (slices).
struct Size3 {
  std::int64_t x = 0, y = 0, z = 0;
  std::int64_t count() const { return x * y * z; }
  friend bool operator==(const Size3&, const Size3&) = default;
};

// Where a voxel grid lies in the patient: point = origin + direction * (spacing .* index).
// Voxels are stored i fastest: offset = i + size.x * (j + size.y * k). Index (0,0,0) is a voxel's CENTRE.
struct Geometry {
  Size3 size;
  Vec3 spacing_mm{1, 1, 1};
  Vec3 origin_mm;                                                    // centre of voxel (0,0,0), LPS
  std::array<Vec3, 3> direction{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};  // unit vectors of i, j, k in LPS

  Vec3 IndexToPoint(Vec3 index) const;
  Vec3 PointToIndex(Vec3 point_mm) const;  // exact inverse; direction need not be orthogonal
  double VoxelVolumeMl() const;
  std::int64_t Offset(std::int64_t i, std::int64_t j, std::int64_t k) const { return i + size.x * (j + size.y * k); }

  friend bool operator==(const Geometry&, const Geometry&) = default;
};

// True if sizes agree and no corner voxel lies further apart than `tolerance_mm`.
bool SameGrid(const Geometry& a, const Geometry& b, double tolerance_mm = 1e-3);

}  // namespace consilium
