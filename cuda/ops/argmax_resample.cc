// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "cuda/ops/argmax_resample.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "cuda/module.h"
#include "cuda/ops/argmax_resample_cpu.h"
#include "cuda/ops/grid_size.h"

namespace consilium {
namespace {

void RequireFit(const ClassScores& scores, const ArgmaxPlan& plan) {
  RequireGridSize(scores.size, "argmax: the grid of the scores");
  RequireGridSize(plan.output_size, "argmax: the output grid");
  Require(scores.classes >= 1 && scores.classes <= 256,
          "argmax: " + std::to_string(scores.classes) + " classes; a label has a byte, so there may be 1 to 256.");
  Require(scores.size.x * scores.size.y <= (std::int64_t{1} << 32) / scores.classes - 1,
          "argmax: a slice of " + std::to_string(scores.size.x) + " x " + std::to_string(scores.size.y) +
              " voxels and " + std::to_string(scores.classes) + " classes holds more than 2^32 scores.");
  Require(scores.values.size() == static_cast<std::size_t>(scores.size.count() * scores.classes),
          "argmax: " + std::to_string(scores.values.size()) + " scores were given for " +
              std::to_string(scores.classes) + " classes on a grid of " + GridText(scores.size) + ".");
  Require(std::ranges::all_of(plan.output_to_input.m, [](double v) { return std::isfinite(v); }),
          "argmax: the affine between the grids is not finite.");
}

}  // namespace

IndexAffine ResizeAffine(const Size3& output, const Size3& input) {
  RequireGridSize(output, "resize: the output grid");
  const auto axis = [](std::int64_t to, std::int64_t from) {
    return static_cast<double>(from) / static_cast<double>(to);
  };
  const double x = axis(output.x, input.x), y = axis(output.y, input.y), z = axis(output.z, input.z);
  return {{x, 0, 0, 0.5 * x - 0.5, 0, y, 0, 0.5 * y - 0.5, 0, 0, z, 0.5 * z - 0.5}};
}

void ArgmaxResample(const ClassScores& scores, const ArgmaxPlan& plan, std::span<std::uint8_t> labels, Device device) {
  RequireFit(scores, plan);
  Require(labels.size() == static_cast<std::size_t>(plan.output_size.count()),
          "argmax: room for " + std::to_string(labels.size()) + " labels was given for a grid of " +
              GridText(plan.output_size) + ".");
  ConsiliumArgmax what{};
  what.classes = scores.classes;
  what.in_x = scores.size.x, what.in_y = scores.size.y, what.in_z = scores.size.z;
  what.out_x = plan.output_size.x, what.out_y = plan.output_size.y, what.out_z = plan.output_size.z;
  std::ranges::copy(plan.output_to_input.m, what.m);
  what.outside = plan.outside;
  if (device.kind == DeviceKind::kCpu) {
    ArgmaxResampleCpu(what, scores.values.data(), labels.data());
    return;
  }
  ConsiliumStatus status{};
  CudaTable(device).argmax_resample(device.index, &what, scores.values.data(), labels.data(), &status);
  RequireOk(status, "argmax", device);
}

std::vector<std::uint8_t> ArgmaxResample(const ClassScores& scores, const ArgmaxPlan& plan, Device device) {
  RequireFit(scores, plan);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(plan.output_size.count()));
  ArgmaxResample(scores, plan, labels, device);
  return labels;
}

}  // namespace consilium
