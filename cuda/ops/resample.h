// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/data/geometry.h"
#include "cuda/device.h"

namespace consilium {

// A view of a stored image (core/data/volume.h): the physical value of voxel (i, j, k) is
// slope[k] * voxels[i + x * (j + y * k)] + intercept[k]. Whoever calls owns the memory.
struct ResampleInput {
  Size3 size;
  std::span<const std::int16_t> voxels;  // size.count()
  std::span<const float> slope;          // size.z
  std::span<const float> intercept;      // size.z
};

// input index = m * (output index, 1): three rows of four, row-major. Index (0, 0, 0) is a voxel's centre.
struct IndexAffine {
  std::array<double, 12> m = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
};

// The affine that takes an index of grid `output` to the (continuous) index of the same point in grid `input`.
IndexAffine OutputToInput(const Geometry& output, const Geometry& input);

// out = (clip(value, low, high) - mean) / sd. The default changes nothing.
struct Normalisation {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  double mean = 0;
  double sd = 1;
};

struct ResamplePlan {
  Size3 output_size{};
  IndexAffine output_to_input{};
  Normalisation normalisation{};
  double outside = 0;  // physical value outside the input; normalised like the others
};

// Trilinear interpolation of physical values, then normalisation, in one pass. A point is inside up to half a voxel
// beyond the outermost centres (where the edge voxel's value holds), as in itk::LinearInterpolateImageFunction.
// Positions are computed in double, values in float with fused multiply-adds in one fixed order, so that every
// device gives nearly the same bits. Output: [k][j][i], i fastest, output_size.count() floats in host memory.
// Throws Error(kInvalidArgument) for sizes that do not fit, a plan that is not finite, sd <= 0 or low >= high.
void Resample(const ResampleInput& input, const ResamplePlan& plan, std::span<float> output, Device device = {});
std::vector<float> Resample(const ResampleInput& input, const ResamplePlan& plan, Device device = {});

}  // namespace consilium
