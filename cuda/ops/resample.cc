// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/resample.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "cuda/module.h"
#include "cuda/ops/grid_size.h"
#include "cuda/ops/resample_cpu.h"

namespace consilium {
namespace {

void RequireFit(const ResampleInput& input, const ResamplePlan& plan, std::size_t output) {
  RequireGridSize(input.size, "resample: the input grid");
  RequireGridSize(plan.output_size, "resample: the output grid");
  const auto voxels = static_cast<std::size_t>(input.size.count());
  const auto slices = static_cast<std::size_t>(input.size.z);
  Require(input.voxels.size() == voxels, "resample: " + std::to_string(input.voxels.size()) +
                                             " voxels were given for a grid of " + GridText(input.size) + ".");
  Require(input.slope.size() == slices && input.intercept.size() == slices,
          "resample: " + std::to_string(input.slope.size()) + " slopes and " + std::to_string(input.intercept.size()) +
              " intercepts were given for " + std::to_string(slices) + " slices.");
  Require(output == static_cast<std::size_t>(plan.output_size.count()), "resample: room for " + std::to_string(output) +
                                                                            " numbers was given for a grid of " +
                                                                            GridText(plan.output_size) + ".");
}

void RequireFinite(const ResamplePlan& plan) {
  const Normalisation& n = plan.normalisation;
  Require(std::ranges::all_of(plan.output_to_input.m, [](double v) { return std::isfinite(v); }),
          "resample: the affine between the grids is not finite.");
  Require(std::isfinite(n.mean) && std::isfinite(n.sd) && n.sd > 0, "resample: sd must be a number above 0.");
  Require(n.low < n.high, "resample: the lower clip must be below the upper one.");
  Require(std::isfinite(plan.outside), "resample: the value outside the image is not finite.");
}

ConsiliumResample Flatten(const ResampleInput& input, const ResamplePlan& plan) {
  ConsiliumResample r{};
  r.in_x = input.size.x, r.in_y = input.size.y, r.in_z = input.size.z;
  r.out_x = plan.output_size.x, r.out_y = plan.output_size.y, r.out_z = plan.output_size.z;
  std::ranges::copy(plan.output_to_input.m, r.m);
  const Normalisation& n = plan.normalisation;
  r.low = static_cast<float>(n.low), r.high = static_cast<float>(n.high);
  r.scale = static_cast<float>(1 / n.sd), r.shift = static_cast<float>(-n.mean / n.sd);
  r.outside = std::fma(std::clamp(static_cast<float>(plan.outside), r.low, r.high), r.scale, r.shift);
  return r;
}

}  // namespace

IndexAffine OutputToInput(const Geometry& output, const Geometry& input) {
  const auto map = [&](Vec3 index) { return input.PointToIndex(output.IndexToPoint(index)); };
  const Vec3 at0 = map({0, 0, 0});
  const Vec3 di = map({1, 0, 0}) - at0;
  const Vec3 dj = map({0, 1, 0}) - at0;
  const Vec3 dk = map({0, 0, 1}) - at0;
  return {{di.x, dj.x, dk.x, at0.x, di.y, dj.y, dk.y, at0.y, di.z, dj.z, dk.z, at0.z}};
}

void Resample(const ResampleInput& input, const ResamplePlan& plan, std::span<float> output, Device device) {
  RequireFit(input, plan, output.size());
  RequireFinite(plan);
  const ConsiliumResample flat = Flatten(input, plan);
  if (device.kind == DeviceKind::kCpu) {
    ResampleCpu(flat, input.voxels.data(), input.slope.data(), input.intercept.data(), output.data());
    return;
  }
  ConsiliumStatus status{};
  CudaTable(device).resample(device.index, &flat, input.voxels.data(), input.slope.data(), input.intercept.data(),
                             output.data(), &status);
  RequireOk(status, "resample", device);
}

std::vector<float> Resample(const ResampleInput& input, const ResamplePlan& plan, Device device) {
  RequireGridSize(plan.output_size, "resample: the output grid");
  std::vector<float> output(static_cast<std::size_t>(plan.output_size.count()));
  Resample(input, plan, output, device);
  return output;
}

}  // namespace consilium
