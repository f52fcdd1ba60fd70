// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// bench_export SCORES CLASSES X Y Z  X Y Z LABELS: SCORES holds float32 [class][k][j][i] on a grid of the first size.
// Gives each voxel of a grid of the second size over the same box its class, writes the labels as bytes and prints the
// milliseconds, and by how much the program's peak memory passed what it held before anything was read, as JSON.
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.h"
#include "core/base/program.h"
#include "cuda/ops/argmax_resample.h"

namespace consilium {
namespace {

// A line of /proc/self/status in bytes: VmHWM is the peak of resident memory, VmRSS what is resident now.
std::int64_t StatusBytes(const std::string& line) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kilobytes = 0;
    if (word == line + ":" && status >> kilobytes) return kilobytes * 1024;
  }
  throw Error(ErrorCode::kInternal, "/proc/self/status has no " + line);
}

int Bench(int argc, char** argv) {
  Require(argc == 10, "usage: bench_export SCORES CLASSES X Y Z X Y Z LABELS", "It is called by ./dev bench export.");
  const std::int64_t before = StatusBytes("VmRSS");
  ClassScores scores{{std::stoll(argv[3]), std::stoll(argv[4]), std::stoll(argv[5])}, std::stoll(argv[2]), {}};
  const Size3 output{std::stoll(argv[6]), std::stoll(argv[7]), std::stoll(argv[8])};
  std::vector<float> values(static_cast<std::size_t>(scores.classes * scores.size.count()));
  std::ifstream file(argv[1], std::ios::binary);
  const auto bytes = static_cast<std::streamsize>(values.size() * sizeof(float));
  Require(bool(file.read(reinterpret_cast<char*>(values.data()), bytes)), "the file does not hold these scores");
  scores.values = values;
  const auto began = std::chrono::steady_clock::now();
  const std::vector<std::uint8_t> labels = ArgmaxResample(scores, {output, ResizeAffine(output, scores.size)});
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  const std::int64_t peak = StatusBytes("VmHWM") - before;
  std::ofstream(argv[9], std::ios::binary).write(reinterpret_cast<const char*>(labels.data()), std::ssize(labels));
  const double data = double(bytes) + double(labels.size());
  std::cout << nlohmann::json{{"ms", took.count()}, {"peak", peak}, {"share", double(peak) / data}} << "\n";
  return 0;
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  return consilium::RunProgram(argc, argv, [&] { return consilium::Bench(argc, argv); });
}
