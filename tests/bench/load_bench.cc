// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// bench_load: reads lines "load FOLDER" and "dump FOLDER FILE" and answers each with a line "MS FIRST_MS": the whole
// series, and its first slice. dump also writes the voxels as raw int16.
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "core/base/error.h"
#include "core/base/program.h"
#include "imaging/dicom/series_loader.h"

namespace consilium {
namespace {

using Clock = std::chrono::steady_clock;

double MsSince(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

int Bench() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command, folder, file;
    words >> command >> folder >> file;
    Require(command == "load" || command == "dump", "bench_load does not know '" + command + "'",
            "It is called by ./dev bench load.");
    double first_ms = 0, ms = 0;
    {
      const auto began = Clock::now();
      LoadOptions options;
      options.first_slice = [&](const FirstSlice&) { first_ms = MsSince(began); };
      const LoadedSeries loaded = LoadSeries(
          folder, [](const Series&) { return SeriesKey("bench"); }, options);
      ms = MsSince(began);
      if (command == "dump") {
        std::ofstream out(file, std::ios::binary);
        out.write(reinterpret_cast<const char*>(loaded.volume.voxels.data()),
                  static_cast<std::streamsize>(loaded.volume.voxels.size() * sizeof(std::int16_t)));
        Require(out.good(), "cannot write " + file);
      }
    }
    std::cout << ms << " " << first_ms << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  return consilium::RunProgram(argc, argv, [] { return consilium::Bench(); });
}
