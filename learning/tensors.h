// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "core/data/sample.h"
#include "core/model/network_spec.h"
#include "core/model/parameters.h"
#include "core/round/prep_plan.h"
#include "cuda/device.h"
#include "learning/torch.h"

namespace consilium {

// The only way of numbers between core's values and Torch's tensors; nothing here is called inside a step
// (tools/checks/check_device_copies.sh keeps it so).

at::Device ToTorch(Device device);

// Copies `parameters` into `tensors` (LayoutOf(spec)'s order). Throws Error(kInvalidArgument) naming the first array
// whose name or shape differs; `what` begins the sentence.
void LoadParameters(const Parameters& parameters, const NetworkSpec& spec, const std::vector<at::Tensor>& tensors,
                    std::string_view what);
Parameters SaveParameters(const NetworkSpec& spec, const std::vector<at::Tensor>& tensors);

// A sample on the device. On the processor the image is the sample's own memory: the sample must outlive it.
struct SampleTensors {
  at::Tensor image;  // [channels, z, y, x] float32
  at::Tensor label;  // [1, z, y, x] uint8; undefined without a label
};
// Throws Error(kInvalidArgument) if the sizes do not fit each other or `channels`.
SampleTensors Upload(const Sample& sample, std::int64_t channels, at::Device device);

// What lies outside a sample's grid, one value a channel (PET, CT), [channels, 1, 1, 1].
at::Tensor PaddingOf(const PrepPlan& prep, std::int64_t channels, at::Device device);

// The cube of edge `patch` whose first voxel is `corner` (x, y, z; may lie outside), of volume [C, z, y, x], written
// to `to` [C, patch, patch, patch]; outside the volume `padding` [C, 1, 1, 1].
void CutPatch(const at::Tensor& volume, const std::array<std::int64_t, 3>& corner, const at::Tensor& padding,
              const at::Tensor& to);

double ReadScalar(const at::Tensor& scalar);
std::vector<float> ReadFloats(const at::Tensor& values);

}  // namespace consilium
