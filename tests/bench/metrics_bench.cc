// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// bench_metrics FILE X Y Z SX SY SZ: FILE holds two masks as bytes, [k][j][i]. Compares them once to warm up, then once
// more, and prints the milliseconds and the numbers as JSON.
#include <chrono>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/program.h"
#include "imaging/findings/segmentation_metrics.h"

namespace consilium {
namespace {

int Bench(int argc, char** argv) {
  Require(argc == 8, "usage: bench_metrics FILE X Y Z SX SY SZ", "It is called by ./dev bench metrics.");
  LabelMap masks[2];
  const Size3 size{std::stoll(argv[2]), std::stoll(argv[3]), std::stoll(argv[4])};
  const std::vector<std::byte> bytes = ReadFile(argv[1], std::int64_t{1} << 30);
  const auto voxels = static_cast<std::size_t>(size.count());
  Require(bytes.size() == 2 * voxels, "the file does not hold two masks of this size");
  for (std::size_t m = 0; m < 2; ++m) {
    masks[m].geometry.size = size;
    masks[m].geometry.spacing_mm = {std::stod(argv[5]), std::stod(argv[6]), std::stod(argv[7])};
    masks[m].voxels.resize(voxels);
    std::memcpy(masks[m].voxels.data(), bytes.data() + m * voxels, voxels);
  }
  SegmentationMetrics numbers = CompareMasks(masks[0], masks[1], MetricsConvention::kMonai);
  const auto began = std::chrono::steady_clock::now();
  numbers = CompareMasks(masks[0], masks[1], MetricsConvention::kMonai);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  std::cout << nlohmann::json{{"ms", took.count()},
                              {"dice", numbers.dice},
                              {"hd95", numbers.hd95_mm},
                              {"assd", numbers.assd_mm},
                              {"nsd2", numbers.nsd_2mm}}
            << "\n";
  return 0;
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  return consilium::RunProgram(argc, argv, [&] { return consilium::Bench(argc, argv); });
}
