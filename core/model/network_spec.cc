// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/network_spec.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace consilium {
namespace {

void AddConv(std::vector<ArraySpec>& layout, const std::string& name, std::vector<std::int64_t> shape,
             std::int64_t output) {
  layout.push_back({name + ".weight", std::move(shape), InitRule::kKaimingNormal});
  layout.push_back({name + ".bias", {output}, InitRule::kZero});
}

// Convolution, norm, leaky ReLU.
void AddBlock(std::vector<ArraySpec>& layout, const std::string& name, std::int64_t input, std::int64_t output) {
  AddConv(layout, name + ".conv", {output, input, 3, 3, 3}, output);
  layout.push_back({name + ".norm.weight", {output}, InitRule::kOne});
  layout.push_back({name + ".norm.bias", {output}, InitRule::kZero});
}

std::int64_t Elements(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t edge : shape) count *= edge;
  return count;
}

void RequireBetween(std::string_view field, std::int64_t value, std::int64_t low, std::int64_t high) {
  Require(value >= low && value <= high, "network." + std::string(field) + " is " + std::to_string(value) +
                                             "; it must lie between " + std::to_string(low) + " and " +
                                             std::to_string(high));
}

}  // namespace

std::int64_t NetworkSpec::PatchFrom(std::int64_t edge) const {
  const std::int64_t factor = GridFactor();
  return std::max((edge + factor - 1) / factor, std::int64_t{2}) * factor;
}

void NetworkSpec::Validate() const {
  RequireBetween("input_channels", input_channels, 1, 16);
  RequireBetween("classes", classes, 2, 64);
  RequireBetween("convs_per_stage", convs_per_stage, 1, 8);
  Require(features.size() >= 2 && features.size() <= 8,
          "network.features names " + std::to_string(features.size()) + " stages; there must be 2 to 8 of them");
  for (const std::int64_t maps : features) RequireBetween("features", maps, 1, 1024);
}

std::vector<ArraySpec> LayoutOf(const NetworkSpec& spec) {
  spec.Validate();
  std::vector<ArraySpec> layout;
  const std::size_t stages = spec.features.size();
  for (std::size_t s = 0; s < stages; ++s) {
    for (std::int64_t c = 0; c < spec.convs_per_stage; ++c) {
      const std::int64_t before = s == 0 ? spec.input_channels : spec.features[s - 1];
      AddBlock(layout, "encoder.stages." + std::to_string(s) + ".0.convs." + std::to_string(c),
               c == 0 ? before : spec.features[s], spec.features[s]);
    }
  }
  // Decoder level 0 is the coarsest: it goes up from the last encoder stage to the one before.
  const auto fine = [&](std::size_t level) { return spec.features[stages - 2 - level]; };
  for (std::size_t level = 0; level + 1 < stages; ++level) {
    for (std::int64_t c = 0; c < spec.convs_per_stage; ++c) {
      AddBlock(layout, "decoder.stages." + std::to_string(level) + ".convs." + std::to_string(c),
               c == 0 ? 2 * fine(level) : fine(level), fine(level));
    }
  }
  for (std::size_t level = 0; level + 1 < stages; ++level) {
    AddConv(layout, "decoder.transpconvs." + std::to_string(level),
            {spec.features[stages - 1 - level], fine(level), 2, 2, 2}, fine(level));
  }
  for (std::size_t level = 0; level + 1 < stages; ++level) {
    AddConv(layout, "decoder.seg_layers." + std::to_string(level), {spec.classes, fine(level), 1, 1, 1}, spec.classes);
  }
  return layout;
}

Parameters InitialParameters(const NetworkSpec& spec, std::uint64_t seed) {
  Parameters parameters;
  std::uint64_t stream = 0;
  for (ArraySpec& array : LayoutOf(spec)) {
    NamedArray made{std::move(array.name), std::move(array.shape), {}};
    const auto count = static_cast<std::size_t>(Elements(made.shape));
    made.values.assign(count, array.init == InitRule::kOne ? 1.0f : 0.0f);
    if (array.init == InitRule::kKaimingNormal) {
      // Fan in as Torch counts it: the second dimension times the kernel, for transposed convolutions too.
      const std::int64_t fan_in = Elements(made.shape) / made.shape[0];
      const double sd = std::sqrt(2.0 / (1.0 + 0.01 * 0.01) / static_cast<double>(fan_in));
      Random random(seed, stream);
      for (float& value : made.values) value = static_cast<float>(sd * random.Normal());
    }
    parameters.arrays.push_back(std::move(made));
    ++stream;
  }
  return parameters;
}

}  // namespace consilium
