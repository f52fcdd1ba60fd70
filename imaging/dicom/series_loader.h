// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>

#include "core/data/series_key.h"
#include "core/data/volume.h"
#include "imaging/dicom/series.h"

namespace consilium {

// The slice of the first file by name, wherever in the volume it will lie: something to show while the others load.
struct FirstSlice {
  Modality modality = Modality::kCt;
  std::int64_t columns = 0, rows = 0;
  double column_spacing_mm = 0, row_spacing_mm = 0;
  double slope = 1, intercept = 0;       // as in the file: PET is not in SUV yet
  std::span<const std::int16_t> voxels;  // columns * rows, while the callback runs
};

struct LoadOptions {
  std::stop_token stop;                                // asked between files: Error(kCancelled)
  std::function<void(const FirstSlice&)> first_slice;  // from the calling thread, before the other files are opened
};

struct LoadedSeries {
  Series series;
  Volume volume;
};

// The one series in a folder, or of these files, with its pixels: the same Series as ReadSeries and the same Volume as
// ToVolume, and what they throw in the same words. Each file is opened once: as many as half of the process may have
// open stay open from header to pixels; of a larger series the others are opened again, and refused if they changed.
// Headers are read and pixels decoded by several threads; the pixels go straight into the one volume.
// `key` names the volume.
LoadedSeries LoadSeries(const std::filesystem::path& folder, const std::function<SeriesKey(const Series&)>& key,
                        const LoadOptions& options = {});
LoadedSeries LoadSeriesFiles(std::span<const std::filesystem::path> files,
                             const std::function<SeriesKey(const Series&)>& key, const LoadOptions& options = {});

}  // namespace consilium
