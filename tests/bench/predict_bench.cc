// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// bench_predict MODEL IMAGE EDGE PATCH PRECISION THREADS OUT: writes the model it uses to MODEL (safetensors, drawn
// from one seed), reads IMAGE as float32 [2][k][j][i] of EDGE voxels along each axis, predicts once to warm up and once
// more, writes the probabilities of tumour to OUT as float32, and prints milliseconds, precision and resident memory as
// JSON.
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.h"
#include "core/base/program.h"
#include "core/model/safetensors.h"
#include "learning/predictor.h"

namespace consilium {
namespace {

void Write(const std::string& file, const void* bytes, std::size_t count) {
  std::ofstream out(file, std::ios::binary);
  out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
  Require(bool(out.flush()), "cannot write " + file);
}

std::int64_t PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  std::int64_t kilobytes = 0;
  for (std::string word; status >> word;) {
    if (word == "VmHWM:" && status >> kilobytes) break;
  }
  return kilobytes / 1024;
}

int Bench(int argc, char** argv) {
  Require(argc == 8, "usage: bench_predict MODEL IMAGE EDGE PATCH PRECISION THREADS OUT",
          "It is called by ./dev bench predict.");
  const NetworkSpec spec;
  const PrepPlan prep;
  const Parameters parameters = InitialParameters(spec, 7);
  const std::vector<std::byte> model = SerializeParameters(parameters, {});
  Write(argv[1], model.data(), model.size());
  const std::int64_t edge = std::stoll(argv[3]);
  Sample sample;
  sample.grid.size = {edge, edge, edge};
  std::vector<float> image(static_cast<std::size_t>(2 * sample.grid.size.count()));
  std::ifstream file(argv[2], std::ios::binary);
  Require(bool(file.read(reinterpret_cast<char*>(image.data()),
                         static_cast<std::streamsize>(image.size() * sizeof(float)))),
          "the file does not hold this image");
  sample.image = std::move(image);
  ComputeOptions compute;
  compute.precision = argv[5];
  compute.threads = std::stoi(argv[6]);
  PredictOptions options;
  options.patch = std::stoll(argv[4]);
  Predictor predictor(spec, prep, parameters, compute);
  ProbabilityMap map = predictor.Predict(sample, options);
  const auto began = std::chrono::steady_clock::now();
  map = predictor.Predict(sample, options);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  Write(argv[7], map.tumour.data(), map.tumour.size() * sizeof(float));
  const Precision precision = ChoosePrecision(compute.precision, DeviceKind::kCpu, ReadProcessorFeatures());
  std::cout << nlohmann::json{{"ms", took.count()},
                              {"precision", std::string(Name(precision))},
                              {"parameters", parameters.Count()},
                              {"megabytes", PeakMegabytes()}}
            << "\n";
  return 0;
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  return consilium::RunProgram(argc, argv, [&] { return consilium::Bench(argc, argv); });
}
