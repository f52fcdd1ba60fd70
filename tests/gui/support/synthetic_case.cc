// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/gui/support/synthetic_case.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace consilium {
namespace {

constexpr double kLargeRadius = 22, kSmallRadius = 12;

bool InOval(Vec3 p, Vec3 centre, Vec3 radii) {
  const double x = (p.x - centre.x) / radii.x, y = (p.y - centre.y) / radii.y, z = (p.z - centre.z) / radii.z;
  return x * x + y * y + z * z < 1;
}
bool InBall(Vec3 p, Vec3 centre, double radius) { return Norm(p - centre) < radius; }
bool InBody(Vec3 p) {
  if (p.z < -90)
    return InOval({p.x, p.y, 0}, {75, 0, 0}, {60, 70, 1}) || InOval({p.x, p.y, 0}, {-75, 0, 0}, {60, 70, 1});
  return InOval({p.x, p.y, 0}, {0, 0, 0}, {160, 100, 1});
}

double Suv(Vec3 p) {
  if (InBall(p, kLargeTumour, kLargeRadius)) return 9;
  if (InBall(p, kSmallTumour, kSmallRadius)) return 6;
  if (InOval(p, {-70, -10, 10}, {60, 60, 55})) return 2.6;  // liver
  return InBody(p) ? 0.8 : 0;
}

double Hounsfield(Vec3 p) {
  if (!InBody(p)) return -1000;
  if (InBall(p, kLargeTumour, kLargeRadius)) return 45;
  if (InOval(p, {0, 70, p.z}, {18, 18, 1})) return 600;  // spine
  if (InOval(p, {75, 0, 130}, {55, 65, 80}) || InOval(p, {-75, 0, 130}, {55, 65, 80})) return -780;
  return 40;
}

Geometry Grid(Size3 size, Vec3 spacing) {
  Geometry grid;
  grid.size = size;
  grid.spacing_mm = spacing;
  grid.origin_mm = {-(static_cast<double>(size.x) - 1) / 2 * spacing.x,
                    -(static_cast<double>(size.y) - 1) / 2 * spacing.y,
                    -(static_cast<double>(size.z) - 1) / 2 * spacing.z};
  return grid;
}

void ForEachVoxel(const Geometry& grid, const std::function<void(std::size_t, std::int64_t, Vec3)>& visit) {
  for (std::int64_t k = 0; k < grid.size.z; ++k)
    for (std::int64_t j = 0; j < grid.size.y; ++j)
      for (std::int64_t i = 0; i < grid.size.x; ++i)
        visit(static_cast<std::size_t>(grid.Offset(i, j, k)), k,
              grid.IndexToPoint({static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)}));
}

Volume Fill(Modality modality, const Geometry& grid) {
  Volume volume;
  volume.modality = modality;
  volume.geometry = grid;
  volume.voxels.resize(static_cast<std::size_t>(grid.size.count()));
  for (std::int64_t k = 0; k < grid.size.z; ++k) {  // a PET's slope differs from slice to slice
    volume.slope.push_back(modality == Modality::kPet ? 0.001F + 0.00001F * static_cast<float>(k) : 1.0F);
    volume.intercept.push_back(modality == Modality::kPet ? 0.0F : -1024.0F);
  }
  ForEachVoxel(grid, [&](std::size_t at, std::int64_t k, Vec3 p) {
    const double value = modality == Modality::kPet ? Suv(p) : Hounsfield(p);
    const auto z = static_cast<std::size_t>(k);
    volume.voxels[at] = static_cast<std::int16_t>(
        std::lround((value - static_cast<double>(volume.intercept[z])) / static_cast<double>(volume.slope[z])));
  });
  return volume;
}

}  // namespace

SyntheticCase MakeSyntheticCase() {
  SyntheticCase out;
  out.pet = Fill(Modality::kPet, Grid({72, 54, 100}, {5, 5, 5}));
  out.ct = Fill(Modality::kCt, Grid({180, 130, 125}, {2, 2, 4}));
  const Geometry& grid = out.pet.geometry;
  const auto voxels = static_cast<std::size_t>(grid.size.count());
  out.reference = {grid, std::vector<std::uint8_t>(voxels, 0)};
  out.prediction.labels = {grid, std::vector<std::uint8_t>(voxels, 0)};
  std::array<double, 2> count{};
  ForEachVoxel(grid, [&](std::size_t at, std::int64_t, Vec3 p) {
    if (InBall(p, kLargeTumour, kLargeRadius + 8)) out.reference.voxels[at] = 1;
    if (InBall(p, kLargeTumour, kLargeRadius)) out.prediction.labels.voxels[at] = 1, ++count[0];
    if (InBall(p, kSmallTumour, kSmallRadius)) out.prediction.labels.voxels[at] = 2, ++count[1];
  });
  out.prediction.lesions = {{1, count[0] * grid.VoxelVolumeMl(), 9, 9, 0.93, kLargeTumour},
                            {2, count[1] * grid.VoxelVolumeMl(), 6, 6, 0.71, kSmallTumour}};
  return out;
}

}  // namespace consilium
