// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/ops/resample.h"

namespace consilium {

// What a network says of each voxel of its grid. Whoever calls owns the memory.
struct ClassScores {
  Size3 size;
  std::int64_t classes = 0;       // 1 to 256
  std::span<const float> values;  // [class][k][j][i], i fastest; finite
};

struct ArgmaxPlan {
  Size3 output_size{};
  IndexAffine output_to_input{};
  std::uint8_t outside = 0;  // label outside the scores' grid
};

// The affine of a resize: both grids cover the same box, and index 0 is the centre of the first voxel, half a voxel
// from the box's edge. So do skimage.transform.resize, with which nnU-Net brings its logits back, and Torch's
// interpolate with align_corners = False.
IndexAffine ResizeAffine(const Size3& output, const Size3& input);

// For each output voxel, the class with the highest trilinearly interpolated score; of equal ones the lowest class. The
// same labels as resampling every class and then taking the argmax, without ever holding more than the labels at the
// output's size: interpolation is convex, so within a cell of eight input voxels only a class whose highest corner
// reaches the highest of all classes' lowest corners can win, which leaves one class in most cells. Time grows with the
// scores plus, where classes are close, the classes that compete.
// A point is inside up to half a voxel beyond the outermost centres, where the edge voxel's score holds, as Resample()
// has it (and nnU-Net's mode "edge"). Positions in double, scores in float with fused multiply-adds in one fixed order:
// the same labels from every device. Where a score is not finite, the label of the voxels around is any class.
// Beside its arguments it needs on the processor 4 bytes for each input voxel and 1 for each class that competes in
// its cell; on a GPU room for scores and labels. Labels: [k][j][i]. Uses all cores.
// Throws Error(kInvalidArgument) for sizes that do not fit or an affine that is not finite.
void ArgmaxResample(const ClassScores& scores, const ArgmaxPlan& plan, std::span<std::uint8_t> labels,
                    Device device = {});
std::vector<std::uint8_t> ArgmaxResample(const ClassScores& scores, const ArgmaxPlan& plan, Device device = {});

}  // namespace consilium
