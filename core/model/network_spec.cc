// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/model/network_spec.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace consilium {
namespace {

using Shape = std::vector<std::int64_t>;

std::int64_t Elements(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t edge : shape) count *= edge;
  return count;
}

std::string Numbered(const std::string& name, std::int64_t number) { return name + "." + std::to_string(number); }

// Collects the arrays of nnU-Net's networks, with its initialisation.
class NnUNetLayout {
 public:
  explicit NnUNetLayout(const NetworkSpec& spec) : spec_(spec) {}

  std::vector<ArraySpec> Plain() {
    std::int64_t before = spec_.input_channels;
    for (std::int64_t s = 0; s < std::ssize(spec_.features); ++s) {
      Convs(Numbered("encoder.stages", s) + ".0", spec_.convs_per_stage, before, Features(s));
      before = Features(s);
    }
    Decoder();
    return std::move(arrays_);
  }

  std::vector<ArraySpec> Residual() {
    Convs("encoder.stem", 1, spec_.input_channels, Features(0));
    const std::vector<std::int64_t> blocks = spec_.Blocks();
    std::int64_t before = Features(0);
    for (std::int64_t s = 0; s < std::ssize(spec_.features); ++s) {
      for (std::int64_t b = 0; b < blocks[static_cast<std::size_t>(s)]; ++b) {
        ResidualBlock(Numbered(Numbered("encoder.stages", s) + ".blocks", b), before, Features(s));
        before = Features(s);
      }
    }
    Decoder();
    return std::move(arrays_);
  }

 private:
  std::int64_t Features(std::int64_t stage) const { return spec_.features[static_cast<std::size_t>(stage)]; }

  void Weight(const std::string& name, Shape shape) {
    const std::int64_t fan_in = Elements(shape) / shape[0];
    arrays_.push_back({name + ".weight", std::move(shape), InitRule::kKaimingNormal, fan_in});
  }
  void Conv(const std::string& name, Shape shape, std::int64_t output) {
    Weight(name, std::move(shape));
    arrays_.push_back({name + ".bias", {output}, InitRule::kZero});
  }
  void Norm(const std::string& name, std::int64_t channels, InitRule scale = InitRule::kOne) {
    arrays_.push_back({name + ".weight", {channels}, scale, 0, true});
    arrays_.push_back({name + ".bias", {channels}, InitRule::kZero, 0, true});
  }
  // Convolutions, each with its norm.
  void Convs(const std::string& name, std::int64_t count, std::int64_t input, std::int64_t output) {
    for (std::int64_t c = 0; c < count; ++c) {
      const std::string conv = Numbered(name + ".convs", c);
      Conv(conv + ".conv", {output, c == 0 ? input : output, 3, 3, 3}, output);
      Norm(conv + ".norm", output);
    }
  }
  // BasicBlockD. Its last norm begins at zero, so that the block begins as its skip (init_last_bn_before_add_to_0).
  void ResidualBlock(const std::string& name, std::int64_t input, std::int64_t output) {
    Conv(name + ".conv1.conv", {output, input, 3, 3, 3}, output);
    Norm(name + ".conv1.norm", output);
    Conv(name + ".conv2.conv", {output, output, 3, 3, 3}, output);
    Norm(name + ".conv2.norm", output, InitRule::kZero);
    if (input == output) return;
    Weight(name + ".skip.1.conv",
           {output, input, 1, 1, 1});  // after the pooling, skip.0: channels change with the grid
    Norm(name + ".skip.1.norm", output);
  }
  // Level 0 is the coarsest: it goes up from the last encoder stage to the one before.
  void Decoder() {
    const std::int64_t levels = std::ssize(spec_.features) - 1;
    const auto fine = [&](std::int64_t level) { return Features(levels - 1 - level); };
    for (std::int64_t l = 0; l < levels; ++l) {
      Convs(Numbered("decoder.stages", l), spec_.convs_per_stage, 2 * fine(l), fine(l));
    }
    for (std::int64_t l = 0; l < levels; ++l) {
      Conv(Numbered("decoder.transpconvs", l), {Features(levels - l), fine(l), 2, 2, 2}, fine(l));
    }
    for (std::int64_t l = 0; l < levels; ++l) {
      Conv(Numbered("decoder.seg_layers", l), {spec_.classes, fine(l), 1, 1, 1}, spec_.classes);
    }
  }

  const NetworkSpec& spec_;
  std::vector<ArraySpec> arrays_;
};

// Collects the arrays of MONAI's SegResNet, with Torch's initialisation.
class SegResNetLayout {
 public:
  explicit SegResNetLayout(const NetworkSpec& spec) : spec_(spec) {}

  std::vector<ArraySpec> Arrays() {
    const auto& features = spec_.features;
    const std::vector<std::int64_t> blocks = spec_.Blocks();
    const std::int64_t stages = std::ssize(features);
    Conv("convInit", {features[0], spec_.input_channels, 3, 3, 3});
    for (std::int64_t s = 0; s < stages; ++s) {
      const auto at = static_cast<std::size_t>(s);
      const std::string layer = Numbered("down_layers", s);
      if (s > 0) Conv(layer + ".0", {features[at], features[at - 1], 3, 3, 3});
      for (std::int64_t b = 1; b <= blocks[at]; ++b) ResidualBlock(Numbered(layer, b), features[at]);
    }
    for (std::int64_t up = 0; up + 1 < stages; ++up) {  // 0 is the coarsest
      ResidualBlock(Numbered("up_layers", up) + ".0", features[static_cast<std::size_t>(stages - 2 - up)]);
    }
    for (std::int64_t up = 0; up + 1 < stages; ++up) {
      const auto to = static_cast<std::size_t>(stages - 2 - up);
      Conv(Numbered("up_samples", up) + ".0", {features[to], features[to + 1], 1, 1, 1});
    }
    Norm("conv_final.0", features[0]);
    Conv("conv_final.2", {spec_.classes, features[0], 1, 1, 1});
    arrays_.push_back({"conv_final.2.conv.bias", {spec_.classes}, InitRule::kUniform, features[0]});
    return std::move(arrays_);
  }

 private:
  void Conv(const std::string& name, Shape shape) {
    const std::int64_t fan_in = Elements(shape) / shape[0];
    arrays_.push_back({name + ".conv.weight", std::move(shape), InitRule::kUniform, fan_in});
  }
  void Norm(const std::string& name, std::int64_t channels) {
    arrays_.push_back({name + ".weight", {channels}, InitRule::kOne, 0, true});
    arrays_.push_back({name + ".bias", {channels}, InitRule::kZero, 0, true});
  }
  void ResidualBlock(const std::string& name, std::int64_t channels) {
    Norm(name + ".norm1", channels);
    Norm(name + ".norm2", channels);
    Conv(name + ".conv1", {channels, channels, 3, 3, 3});
    Conv(name + ".conv2", {channels, channels, 3, 3, 3});
  }

  const NetworkSpec& spec_;
  std::vector<ArraySpec> arrays_;
};

void RequireBetween(std::string_view field, std::int64_t value, std::int64_t low, std::int64_t high) {
  Require(value >= low && value <= high, "network." + std::string(field) + " is " + std::to_string(value) +
                                             "; it must lie between " + std::to_string(low) + " and " +
                                             std::to_string(high));
}

// The keys that SegResNet leaves no choice in say so.
void RequireSegResNet(const NetworkSpec& spec) {
  constexpr std::int64_t kGroups = 8;
  Require(spec.features[0] % kGroups == 0, "network.features begins with " + std::to_string(spec.features[0]) +
                                               "; seg_res_net needs a multiple of 8, the groups of its norm");
  for (std::size_t s = 1; s < spec.features.size(); ++s) {
    Require(spec.features[s] == 2 * spec.features[s - 1], "network.features is " + std::to_string(spec.features[s]) +
                                                              " after " + std::to_string(spec.features[s - 1]) +
                                                              "; seg_res_net doubles them at each stage");
  }
  Require(spec.convs_per_stage == 2, "network.convs_per_stage is " + std::to_string(spec.convs_per_stage) +
                                         "; a residual block of seg_res_net has 2");
  Require(!spec.deep_supervision, "network.deep_supervision is true; seg_res_net has one output",
          "Set deep_supervision = false in the plan.");
}

}  // namespace

std::int64_t NetworkSpec::PatchFrom(std::int64_t edge) const {
  const std::int64_t factor = GridFactor();
  return std::max((edge + factor - 1) / factor, std::int64_t{2}) * factor;
}

std::vector<std::int64_t> NetworkSpec::Blocks() const {
  if (architecture == "plain_conv_unet" || !blocks_per_stage.empty()) return blocks_per_stage;
  std::vector<std::int64_t> blocks = {1, 3, 4};
  if (architecture == "seg_res_net") blocks = {1, 2, 2};
  blocks.resize(features.size(), architecture == "seg_res_net" ? 4 : 6);
  return blocks;
}

void NetworkSpec::Validate() const {
  Require(architecture == "plain_conv_unet" || architecture == "res_enc_unet" || architecture == "seg_res_net",
          "network.architecture is `" + architecture.substr(0, 60) +
              "`; it must be plain_conv_unet, res_enc_unet or seg_res_net");
  RequireBetween("input_channels", input_channels, 1, 16);
  RequireBetween("classes", classes, 2, 64);
  RequireBetween("convs_per_stage", convs_per_stage, 1, 8);
  Require(features.size() >= 2 && features.size() <= 8,
          "network.features names " + std::to_string(features.size()) + " stages; there must be 2 to 8 of them");
  for (const std::int64_t maps : features) RequireBetween("features", maps, 1, 1024);
  for (const std::int64_t blocks : blocks_per_stage) RequireBetween("blocks_per_stage", blocks, 1, 16);
  if (architecture == "plain_conv_unet") {
    Require(blocks_per_stage.empty(), "network.blocks_per_stage is given, and plain_conv_unet has no residual blocks",
            "Leave it out, or set architecture = \"res_enc_unet\".");
  } else {
    Require(blocks_per_stage.empty() || blocks_per_stage.size() == features.size(),
            "network.blocks_per_stage names " + std::to_string(blocks_per_stage.size()) + " stages, network.features " +
                std::to_string(features.size()));
  }
  if (architecture == "seg_res_net") RequireSegResNet(*this);
}

bool StaysLocal(const ArraySpec& array, std::string_view keep_local) { return keep_local == "norm" && array.norm; }

std::vector<ArraySpec> LayoutOf(const NetworkSpec& spec) {
  spec.Validate();
  if (spec.architecture == "seg_res_net") return SegResNetLayout(spec).Arrays();
  return spec.architecture == "res_enc_unet" ? NnUNetLayout(spec).Residual() : NnUNetLayout(spec).Plain();
}

Parameters InitialParameters(const NetworkSpec& spec, std::uint64_t seed) {
  Parameters parameters;
  std::uint64_t stream = 0;
  for (ArraySpec& array : LayoutOf(spec)) {
    NamedArray made{std::move(array.name), std::move(array.shape), {}};
    made.values.assign(static_cast<std::size_t>(Elements(made.shape)), array.init == InitRule::kOne ? 1.0f : 0.0f);
    Random random(seed, stream);
    const auto fan_in = static_cast<double>(array.fan_in);
    if (array.init == InitRule::kKaimingNormal) {
      const double sd = std::sqrt(2.0 / (1.0 + 0.01 * 0.01) / fan_in);
      for (float& value : made.values) value = static_cast<float>(sd * random.Normal());
    } else if (array.init == InitRule::kUniform) {
      const double bound = 1.0 / std::sqrt(fan_in);
      for (float& value : made.values) value = static_cast<float>(random.Uniform(-bound, bound));
    }
    parameters.arrays.push_back(std::move(made));
    ++stream;
  }
  return parameters;
}

}  // namespace consilium
