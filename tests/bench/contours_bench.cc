// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// bench_contours: reads lines "SERIES RTSTRUCT OUT" and answers each with its milliseconds: the series read with its
// pixels, the regions GTV* filled, and the mask written as .nii.gz.
#include <chrono>
#include <iostream>
#include <sstream>
#include <string>

#include "core/base/program.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/series_loader.h"
#include "imaging/prepare/nifti.h"

namespace consilium {
namespace {

int Bench() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string folder, structures, out;
    words >> folder >> structures >> out;
    const auto began = std::chrono::steady_clock::now();
    const LoadedSeries loaded = LoadSeries(folder, [](const Series&) { return SeriesKey("bench"); });
    WriteNifti(out, ToLabelMap(ReadRtStruct(structures), "GTV*", loaded.series));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::cout << took.count() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  return consilium::RunProgram(argc, argv, [] { return consilium::Bench(); });
}
