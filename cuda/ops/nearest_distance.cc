// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/nearest_distance.h"

#include <cmath>
#include <string>

#include "core/base/error.h"
#include "cuda/module.h"
#include "cuda/ops/nearest_distance_cpu.h"

namespace consilium {
namespace {

constexpr std::int64_t kMostVoxels = std::int64_t{1} << 33;

void RequireFit(const Size3& s, const Vec3& mm, std::span<const std::uint8_t> set, std::span<const std::int64_t> at) {
  const std::string grid = std::to_string(s.x) + " x " + std::to_string(s.y) + " x " + std::to_string(s.z);
  const bool positive = s.x > 0 && s.y > 0 && s.z > 0;
  Require(positive && s.x <= kMostVoxels && s.y <= kMostVoxels / s.x && s.z <= kMostVoxels / (s.x * s.y),
          "nearest distance: the grid is " + grid + " voxels; each edge must be at least 1 and all at most 2^33.");
  Require(set.size() == static_cast<std::size_t>(s.count()),
          "nearest distance: " + std::to_string(set.size()) + " voxels were given for a grid of " + grid + ".");
  for (const double edge : {mm.x, mm.y, mm.z}) {
    Require(std::isfinite(edge) && edge > 0, "nearest distance: a spacing is not a number above 0 mm.");
  }
  for (const std::int64_t voxel : at) {
    Require(voxel >= 0 && voxel < s.count(),
            "nearest distance: there is no voxel " + std::to_string(voxel) + " in a grid of " + grid + ".");
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
