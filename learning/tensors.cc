// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/tensors.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/base/error.h"

namespace consilium {

at::Device ToTorch(Device device) {
  return device.kind == DeviceKind::kCuda ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(device.index))
                                          : at::Device(at::kCPU);
}

namespace {

std::int64_t Elements(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t edge : shape) count *= edge;
  return count;
}

Parameters ZeroParameters(const NetworkSpec& spec) {
  Parameters zero;
  for (const ArraySpec& array : LayoutOf(spec)) {
    zero.arrays.push_back(
        {array.name, array.shape, std::vector<float>(static_cast<std::size_t>(Elements(array.shape)))});
  }
  return zero;
}

}  // namespace

void LoadParameters(const Parameters& parameters, const NetworkSpec& spec, const std::vector<at::Tensor>& tensors,
                    std::string_view what) {
  for (const NamedArray& array : parameters.arrays) {
    Require(static_cast<std::int64_t>(array.values.size()) == Elements(array.shape),
            std::string(what) + ": array `" + array.name + "` holds " + std::to_string(array.values.size()) +
                " numbers, its shape needs " + std::to_string(Elements(array.shape)),
            "The file is damaged; fetch the model again.");
  }
  RequireSameLayout(parameters, ZeroParameters(spec), what);
  const at::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const NamedArray& array = parameters.arrays[i];
    tensors[i].copy_(at::from_blob(const_cast<float*>(array.values.data()), array.shape, at::kFloat));
  }
}

Parameters SaveParameters(const NetworkSpec& spec, const std::vector<at::Tensor>& tensors) {
  Parameters parameters = ZeroParameters(spec);
  for (std::size_t i = 0; i < tensors.size(); ++i) parameters.arrays[i].values = ReadFloats(tensors[i]);
  return parameters;
}

SampleTensors Upload(const Sample& sample, std::int64_t channels, at::Device device) {
  const Size3 size = sample.grid.size;
  const auto voxels = static_cast<std::size_t>(std::max<std::int64_t>(0, size.count()));
  Require(size.x > 0 && size.y > 0 && size.z > 0, "sample: its grid is empty", "Import the patient again.");
  Require(sample.channels == channels && sample.image.size() == voxels * static_cast<std::size_t>(channels),
          "sample: it has " + std::to_string(sample.channels) + " channels and " + std::to_string(sample.image.size()) +
              " numbers; the network wants " + std::to_string(channels) + " channels of " + std::to_string(voxels) +
              " voxels",
          "Prepare the sample with the model's own plan.");
  Require(sample.label.empty() || sample.label.size() == voxels,
          "sample: " + std::to_string(sample.label.size()) + " label voxels on a grid of " + std::to_string(voxels),
          "Import the patient again.");
  SampleTensors tensors;
  const auto view = [&](const auto& values, std::int64_t count, at::ScalarType type) {
    using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
    return at::from_blob(const_cast<Value*>(values.data()), {count, size.z, size.y, size.x}, type).to(device);
  };
  tensors.image = view(sample.image, channels, at::kFloat);
  if (!sample.label.empty()) tensors.label = view(sample.label, 1, at::kByte);
  return tensors;
}

at::Tensor PaddingOf(const PrepPlan& prep, std::int64_t channels, at::Device device) {
  Require(channels == 2, "the network takes " + std::to_string(channels) + " channels; samples have two, PET and CT",
          "Set input_channels = 2 in the plan.");
  return at::tensor({prep.PetPadding(), prep.CtPadding()}, at::kFloat).view({2, 1, 1, 1}).to(device);
}

void CutPatch(const at::Tensor& volume, const std::array<std::int64_t, 3>& corner, const at::Tensor& padding,
              const at::Tensor& to) {
  at::Tensor source = volume, target = to;
  bool whole = true;
  for (std::int64_t dim = 1; dim <= 3; ++dim) {
    const std::int64_t begin = corner[static_cast<std::size_t>(3 - dim)], end = begin + to.size(dim);
    const std::int64_t from = std::clamp<std::int64_t>(begin, 0, volume.size(dim));
    const std::int64_t length = std::max<std::int64_t>(0, std::min(end, volume.size(dim)) - from);
    source = source.narrow(dim, from, length);
    target = target.narrow(dim, length > 0 ? from - begin : 0, length);
    whole = whole && length == to.size(dim);
  }
  if (!whole) to.copy_(padding.expand_as(to));
  target.copy_(source);
}

double ReadScalar(const at::Tensor& scalar) { return scalar.item<double>(); }

std::vector<float> ReadFloats(const at::Tensor& values) {
  const at::Tensor here = values.detach().to(at::kCPU, at::kFloat).contiguous();
  std::vector<float> numbers(static_cast<std::size_t>(here.numel()));
  if (!numbers.empty()) std::memcpy(numbers.data(), here.data_ptr(), numbers.size() * sizeof(float));
  return numbers;
}

}  // namespace consilium
