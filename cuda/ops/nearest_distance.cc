// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/nearest_distance.h"

#include <cmath>
#include <string>

#include "core/base/error.h"
#include "cuda/module.h"
#include "cuda/ops/grid_size.h"
#include "cuda/ops/nearest_distance_cpu.h"

namespace consilium {
namespace {

void RequireFit(const Size3& s, const Vec3& mm, std::span<const std::uint8_t> set, std::span<const std::int64_t> at) {
  RequireGridSize(s, "nearest distance: the grid");
  Require(set.size() == static_cast<std::size_t>(s.count()),
          "nearest distance: " + std::to_string(set.size()) + " voxels were given for a grid of " + GridText(s) + ".");
  for (const double edge : {mm.x, mm.y, mm.z}) {
    Require(std::isfinite(edge) && edge > 0, "nearest distance: a spacing is not a number above 0 mm.");
  }
  for (const std::int64_t voxel : at) {
    Require(voxel >= 0 && voxel < s.count(),
            "nearest distance: there is no voxel " + std::to_string(voxel) + " in a grid of " + GridText(s) + ".");
  }
}

}  // namespace

std::vector<float> NearestDistances(Size3 size, Vec3 spacing_mm, std::span<const std::uint8_t> set,
                                    std::span<const std::int64_t> at, Device device) {
  RequireFit(size, spacing_mm, set, at);
  const ConsiliumNearest what{size.x, size.y, size.z, spacing_mm.x, spacing_mm.y, spacing_mm.z, std::ssize(at)};
  std::vector<double> squared(at.size());
  if (at.empty()) return {};
  if (device.kind == DeviceKind::kCpu) {
    NearestDistanceCpu(what, set.data(), at.data(), squared.data());
  } else {
    ConsiliumStatus status{};
    CudaTable(device).nearest_distance(device.index, &what, set.data(), at.data(), squared.data(), &status);
    RequireOk(status, "nearest distance", device);
  }
  std::vector<float> mm(at.size());
  for (std::size_t n = 0; n < mm.size(); ++n) mm[n] = static_cast<float>(std::sqrt(squared[n]));
  return mm;
}

}  // namespace consilium
