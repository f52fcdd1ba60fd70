// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// bench_aggregate DIR WEIGHT...: averages DIR/0.f32, DIR/1.f32, ... (raw float32, one file for each weight) into
// DIR/base.f32 as the hub does, writes DIR/ours.f32 and prints the milliseconds of the averaging alone.
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/program.h"
#include "hub/aggregate/aggregator.h"

namespace consilium {
namespace {

std::vector<float> ReadNumbers(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = ReadFile(file, std::numeric_limits<std::int32_t>::max());
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
  return numbers;
}

int Bench(int argc, char** argv) {
  Require(argc >= 3, "usage: bench_aggregate DIR WEIGHT...", "It is called by ./dev bench aggregate.");
  const std::filesystem::path dir = argv[1];
  std::vector<float> first = ReadNumbers(dir / "base.f32");
  const auto count = static_cast<std::int64_t>(first.size());
  Parameters base;
  base.arrays.push_back({"numbers", {count}, std::move(first)});
  std::vector<std::vector<float>> held;
  for (int i = 2; i < argc; ++i) held.push_back(ReadNumbers(dir / (std::to_string(i - 2) + ".f32")));
  std::vector<UpdateSource> updates;
  for (std::size_t i = 0; i < held.size(); ++i) {
    const std::vector<float>& numbers = held[i];
    Require(numbers.size() == base.arrays[0].values.size(), "update " + std::to_string(i) + " has another size");
    updates.push_back({std::stoll(argv[i + 2]), [&numbers](std::int64_t from, std::span<float> values) {
                         std::memcpy(values.data(), numbers.data() + from, values.size_bytes());
                       }});
  }
  const auto began = std::chrono::steady_clock::now();
  const Parameters next = MakeAggregator({})->Combine(base, updates);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  WriteFileDurably(dir / "ours.f32", std::as_bytes(std::span(next.arrays[0].values)));
  std::cout << took.count() << "\n";
  return 0;
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  return consilium::RunProgram(argc, argv, [&] { return consilium::Bench(argc, argv); });
}
