// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/step_memory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <sstream>

#include "core/base/error.h"
#include "learning/gpu_module.h"

namespace consilium {
namespace {

std::string Gigabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f GB", bytes < 1e8 ? 3 : 1, bytes / 1e9);
  return text;
}

std::string Words(const StepSize& step) {
  if (!step.training) return "a tile of " + std::to_string(step.patch);
  return "a patch of " + std::to_string(step.patch) + " with batch " + std::to_string(step.batch);
}

// Feature maps of a stage's size that encoder and decoder keep for the way back.
double MapsOfStage(const NetworkSpec& network, std::size_t stage) {
  const bool decoder = stage + 1 < network.features.size();
  const std::vector<std::int64_t> blocks = network.Blocks();
  const double convs = 2.0 * static_cast<double>(network.convs_per_stage);                // convolved and normalised
  if (network.architecture == "plain_conv_unet") return decoder ? 2 * convs + 3 : convs;  // up and joined: 3
  // A block of nnU-Net: its two convolutions, each with its norm, the sum and what leaves; the stem or skip besides.
  // One of MONAI: the first convolution, two ReLUs and the sum. (Measured: 1.1 to 1.2 of the peak at 64 cubed, 3
  // stages.)
  const double block = network.architecture == "res_enc_unet" ? 6 : 4;
  const double encoder = block * static_cast<double>(blocks[stage]) + 2;
  if (network.architecture == "res_enc_unet") return encoder + (decoder ? convs + 3 : 0);
  return encoder + (decoder ? block + 2 : 0);  // one block on the way up, after the map that is doubled and added
}

// The largest patch up to step.patch that fits with `batch`; 0 if none does.
std::int64_t LargestPatch(const NetworkSpec& network, StepSize step, std::int64_t batch, std::int64_t free_bytes) {
  step.batch = batch;
  const std::int64_t factor = network.GridFactor();
  for (step.patch = std::min<std::int64_t>(step.patch, 1024) / factor * factor; step.patch > 0; step.patch -= factor) {
    if (EstimateStepBytes(network, step) <= free_bytes) return step.patch;
  }
  return 0;
}

}  // namespace

std::int64_t EstimateStepBytes(const NetworkSpec& network, const StepSize& step) {
  const double item = step.precision == Precision::kBfloat16 ? 2 : 4;
  double kept = 0, widest = 0;  // numbers of all feature maps, and of the largest
  for (std::size_t s = 0; s < network.features.size(); ++s) {
    const double edge = static_cast<double>(step.patch) / static_cast<double>(std::int64_t{1} << s);
    const double map = static_cast<double>(step.batch) * edge * edge * edge * static_cast<double>(network.features[s]);
    widest = std::max(widest, map);
    kept += map * MapsOfStage(network, s);
  }
  const double scores = static_cast<double>(step.batch) * std::pow(static_cast<double>(step.patch), 3) *
                        static_cast<double>(network.classes) * 4;
  const double bytes = step.training ? item * (kept + 4 * widest) + 8 * scores : item * (kept / 2) + 2 * scores;
  return bytes < 9e18 ? static_cast<std::int64_t>(bytes) : std::numeric_limits<std::int64_t>::max();
}

std::string WordsAboutMemory(const NetworkSpec& network, const StepSize& step, std::int64_t free_bytes) {
  std::string text = Words(step) + " needs about " + Gigabytes(double(EstimateStepBytes(network, step)));
  if (free_bytes < 0) return text + ".";
  text += ", and " + Gigabytes(double(free_bytes)) + " are free.";
  StepSize same = step, single = step;
  same.patch = LargestPatch(network, step, step.batch, free_bytes);
  single.batch = 1;
  single.patch = LargestPatch(network, step, 1, free_bytes);
  if (single.patch == 0) return text + " Not even the smallest patch of this network would fit.";
  std::string fits = Words(single);
  if (same.patch > 0 && step.batch > 1) fits = Words(same) + ", or " + fits + ",";
  fits[0] = 'A';
  return text + " " + fits + " would fit.";
}

void RequireMemory(const NetworkSpec& network, const StepSize& step, std::int64_t free_bytes) {
  if (free_bytes < 0 || EstimateStepBytes(network, step) <= free_bytes) return;
  throw Error(ErrorCode::kResourceExhausted, "not enough memory: " + WordsAboutMemory(network, step, free_bytes),
              "Choose a smaller patch, batch or features in the plan, or free memory.");
}

std::int64_t FreeBytes(Device device) {
  if (device.kind == DeviceKind::kCuda) return GpuFreeBytes(device.index);
  std::int64_t free_bytes = -1;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    if (line.rfind("MemAvailable:", 0) == 0) free_bytes = std::stoll(line.substr(13)) * 1024;
  }
  std::int64_t limit = 0;  // of the container; "max" does not parse: no limit
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit && free_bytes >= 0) free_bytes = std::min(free_bytes, limit);
  return free_bytes;
}

}  // namespace consilium
