// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "core/base/error.h"
#include "core/base/terminal.h"
#include "imaging/dicom/rtstruct_reader.h"
#include "imaging/dicom/seg_writer.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/prepare/nifti.h"
#include "tools/consilium/commands.h"

namespace consilium {
namespace {

struct ConvertOptions {
  std::filesystem::path series, out, contours;
  std::string roi = "GTV*";
};

std::string SizeText(const Geometry& g) {
  return fmt::format("{} x {} x {} voxels of {:.3g} x {:.3g} x {:.3g} mm", g.size.x, g.size.y, g.size.z, g.spacing_mm.x,
                     g.spacing_mm.y, g.spacing_mm.z);
}

void WriteMask(const ConvertOptions& options, const Series& series) {
  const LabelMap mask = ToLabelMap(ReadRtStruct(options.contours), options.roi, series);
  if (options.out.extension() == ".dcm") {
    SegDescription description;
    description.algorithm_name = "Consilium convert";
    description.series_description = "Contour as segmentation (research use only)";
    description.segment_label = "Contour";
    description.origin = SegOrigin::kManual;
    WriteSeg(options.out, series, mask, description);
  } else {
    WriteNifti(options.out, mask);
  }
  std::cout << fmt::format(
      "{}: {} of them inside the contour ({:.1f} ml), in {}\n", SizeText(mask.geometry), mask.CountNonZero(),
      static_cast<double>(mask.CountNonZero()) * mask.geometry.VoxelVolumeMl(), options.out.string());
}

void Convert(const ConvertOptions& options) {
  const std::string name = options.out.filename().string();
  const bool nifti = name.ends_with(".nii.gz") || name.ends_with(".nii");
  Require(nifti || (name.ends_with(".dcm") && !options.contours.empty()),
          "cannot write " + options.out.string() + ": its ending is not known",
          "End it with .nii.gz; with --contours also .dcm (a DICOM SEG).");
  Series series;
  {
    ProgressLine line(std::cerr, StyleOf(stderr), "reading");
    series = ReadSeries(options.series, {{}, [&](std::int64_t done, std::int64_t all) {
                                           line.Update(static_cast<double>(done) / static_cast<double>(all));
                                         }});
    line.Finish(fmt::format("{} slices", series.slices.size()));
  }
  if (!options.contours.empty()) return WriteMask(options, series);
  WriteNifti(options.out, ToVolume(series, SeriesKey("convert")));
  std::cout << fmt::format("{}, in {}\n", SizeText(series.geometry), options.out.string());
}

}  // namespace

void AddConvert(CLI::App& app) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "Write a DICOM series, or a contour on it, for other tools");
  command->add_option("series", options->series, "folder of one PET, CT or MR series")->required();
  command->add_option("--out", options->out, "X.nii.gz (SUV, HU or a mask), or X.dcm (a contour as DICOM SEG)")
      ->required();
  command->add_option("--contours", options->contours, "an RTSTRUCT: write its contour as a mask on the series' grid");
  command->add_option("--roi", options->roi, "which of its regions: patterns with * and ?, separated by commas")
      ->capture_default_str();
  command->callback([options] { Convert(*options); });
}

}  // namespace consilium
