// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/predictor.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "learning/network.h"
#include "learning/step_memory.h"
#include "learning/tensors.h"
#include "learning/tiles.h"
#include "learning/torch_device.h"

namespace consilium {
namespace {

// The tiles along one axis of the sample, x, y or z.
struct Axis {
  std::int64_t before = 0;            // voxels of air before the sample, where it is smaller than a tile
  std::vector<std::int64_t> corners;  // in the padded grid
  std::int64_t padded = 0;
};

Axis AxisOf(std::int64_t size, std::int64_t tile, double overlap) {
  const std::int64_t missing = std::max<std::int64_t>(0, tile - size);
  return {missing / 2, TileCorners(size + missing, tile, overlap), size + missing};
}

// Voxels of a tile along an axis that lie in the sample: begin in the tile, begin in the sample, how many.
struct Overlap {
  std::int64_t tile = 0, sample = 0, length = 0;
};

Overlap OverlapOf(std::int64_t corner, std::int64_t tile, std::int64_t size) {
  const std::int64_t begin = std::max<std::int64_t>(0, corner), end = std::min(size, corner + tile);
  return {begin - corner, begin, end - begin};
}

// [z, y, x] weights as the product of three axes.
at::Tensor OuterProduct(const std::array<std::vector<float>, 3>& xyz, at::Device device) {
  const auto along = [&](std::size_t axis) {
    std::vector<std::int64_t> shape(3, 1);
    shape[2 - axis] = -1;
    return at::tensor(xyz[axis], at::kFloat).view(shape).to(device);
  };
  return along(2) * along(1) * along(0);
}

}  // namespace

struct Predictor::Impl {
  Impl(const NetworkSpec& spec, const PrepPlan& prep, const Parameters& parameters, const ComputeOptions& options)
      : device(OpenTorchDevice(options)),
        precision(PrecisionOn(device, options.precision)),
        network(MakeNetwork(spec, device.torch)) {
    prep.Validate();
    padding = PaddingOf(prep, spec.input_channels, device.torch);
    LoadParameters(parameters, spec, network->tensors(), "the model does not fit its network");
  }

  // Sum of weighted class scores [classes, z, y, x] over all tiles; the one accumulator.
  at::Tensor Accumulate(const at::Tensor& image, const std::array<Axis, 3>& axes, const PredictOptions& options,
                        const std::stop_token& stop) const {
    const std::int64_t tile = options.patch;
    const auto floats = at::TensorOptions(device.torch).dtype(at::kFloat);
    const at::Tensor sum = at::zeros({network->spec().classes, image.size(1), image.size(2), image.size(3)}, floats);
    const at::Tensor input = at::empty({1, image.size(0), tile, tile, tile}, floats);
    const std::vector<float> line = TileWeights(tile);
    const at::Tensor weights = OuterProduct({line, line, line}, device.torch);
    for (const std::int64_t z : axes[2].corners) {
      for (const std::int64_t y : axes[1].corners) {
        for (const std::int64_t x : axes[0].corners) {
          if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "prediction was stopped");
          CutPatch(image, {x - axes[0].before, y - axes[1].before, z - axes[2].before}, padding, input[0]);
          AddTile(Scores(input, options.mirror), {x - axes[0].before, y - axes[1].before, z - axes[2].before}, weights,
                  sum);
        }
      }
    }
    return sum;
  }

  // Class scores of one tile [classes, P, P, P]; with `mirror` the mean over the eight sets of flipped axes, as
  // nnU-Net's _internal_maybe_mirror_and_predict.
  at::Tensor Scores(const at::Tensor& input, bool mirror) const {
    const auto forward = [&](const at::Tensor& image) {
      return network->Forward(image, precision, Network::Levels::kFinest)[0];
    };
    at::Tensor sum = forward(input);
    if (!mirror) return sum[0];
    for (int set = 1; set < 8; ++set) {
      std::vector<std::int64_t> axes;
      for (int axis = 0; axis < 3; ++axis) {
        if ((set >> axis & 1) != 0) axes.push_back(2 + axis);
      }
      sum = sum + forward(input.flip(axes)).flip(axes);
    }
    return (sum / 8)[0];
  }

  static void AddTile(const at::Tensor& scores, const std::array<std::int64_t, 3>& corner, const at::Tensor& weights,
                      const at::Tensor& sum) {
    at::Tensor from = scores * weights, to = sum;
    for (std::int64_t dim = 1; dim <= 3; ++dim) {
      const Overlap o = OverlapOf(corner[static_cast<std::size_t>(3 - dim)], weights.size(2), sum.size(dim));
      from = from.narrow(dim, o.tile, o.length);
      to = to.narrow(dim, o.sample, o.length);
    }
    to.add_(from);
  }

  TorchDevice device;
  Precision precision;
  std::unique_ptr<Network> network;
  at::Tensor padding;
};

Predictor::Predictor(const NetworkSpec& network, const PrepPlan& prep, const Parameters& parameters,
                     const ComputeOptions& compute) {
  network.Validate();
  AtTorchWall(
      "network", [] { return std::string("its parameters do not fit."); },
      [&] { impl_ = std::make_unique<Impl>(network, prep, parameters, compute); });
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

ProbabilityMap Predictor::Predict(const Sample& sample, const PredictOptions& options, std::stop_token stop) {
  Impl& self = *impl_;
  const NetworkSpec& spec = self.network->spec();
  const std::int64_t tile = options.patch;
  Require(tile > 0 && tile % spec.GridFactor() == 0,
          "prediction: patch = " + std::to_string(tile) + " is not a multiple of " + std::to_string(spec.GridFactor()),
          "Use the patch of the training plan.");
  const StepSize step{tile, 1, self.precision, false};
  RequireMemory(spec, step, FreeBytes(self.device.device));
  ProbabilityMap map{sample.grid, {}};
  const auto memory_words = [&] { return WordsAboutMemory(spec, step, FreeBytes(self.device.device)); };
  AtTorchWall("prediction", memory_words, [&] {
    const c10::InferenceMode inference;
    const TorchScope scope(self.device);
    const Size3 size = sample.grid.size;
    const SampleTensors tensors = Upload(sample, spec.input_channels, self.device.torch);
    const std::array<Axis, 3> axes = {AxisOf(size.x, tile, options.overlap), AxisOf(size.y, tile, options.overlap),
                                      AxisOf(size.z, tile, options.overlap)};
    const at::Tensor sum = self.Accumulate(tensors.image, axes, options, stop);
    std::array<std::vector<float>, 3> totals;
    const std::array<std::int64_t, 3> sizes = {size.x, size.y, size.z};
    for (std::size_t a = 0; a < 3; ++a) {
      const std::vector<float> padded = SumOfTileWeights(axes[a].padded, tile, axes[a].corners);
      totals[a].assign(padded.begin() + axes[a].before, padded.begin() + axes[a].before + sizes[a]);
    }
    sum.div_(OuterProduct(totals, self.device.torch));
    map.tumour = ReadFloats(at::softmax(sum, 0).narrow(0, 1, spec.classes - 1).sum(0));
  });
  return map;
}

}  // namespace consilium
